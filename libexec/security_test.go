// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"reflect"
	"slices"
	"testing"
)

func TestParseSecurity(t *testing.T) {
	got, err := ParseSecurity([]string{"seccomp=/p.json", "no-new-privileges", "apparmor=unconfined", "label=disable", "label:disable", "mask=/a:/b/../c", "unmask=/proc/kcore:/sys/*", "profile=strict"})
	want := Security{Seccomp: "/p.json", NoNewPrivileges: true, AppArmor: "unconfined", Mask: []string{"/a", "/c"}, Unmask: []string{"/proc/kcore", "/sys/*"}, Strict: true}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for value, check := range map[string]func(Security) bool{
		"unmask=ALL":              func(s Security) bool { return s.UnmaskAll },
		"systempaths=unconfined":  func(s Security) bool { return s.UnmaskAll },
		"no-new-privileges=false": func(s Security) bool { return !s.NoNewPrivileges },
		"no-new-privileges:true":  func(s Security) bool { return s.NoNewPrivileges },
		"seccomp=unconfined":      func(s Security) bool { return s.Seccomp == "unconfined" },
	} {
		if s, err := ParseSecurity([]string{value}); err != nil || !check(s) {
			t.Errorf("%s: %+v, %v", value, s, err)
		}
	}
	for _, value := range []string{"", "odd", "odd=x", "seccomp", "seccomp=", "mask=rel", "mask=/a::/b", "unmask=x", "profile=lax", "no-new-privileges=maybe", "=x"} {
		if _, err := ParseSecurity([]string{value}); !errors.Is(err, ErrOption) {
			t.Errorf("%q: %v", value, err)
		}
	}
	if _, err := ParseSecurity([]string{"label=type:spc_t"}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a label: %v", err)
	}
}

func TestPaths(t *testing.T) {
	r := newRig(t).busybox()
	linux := r.mustSpec(sh("true"), Options{Security: Security{Unmask: []string{"/proc/kcore", "/proc/sys", "/sys/dev/*"}, Mask: []string{"/etc/secret"}}}).Linux
	if slices.Contains(linux.MaskedPaths, "/proc/kcore") || slices.Contains(linux.MaskedPaths, "/sys/dev/block") || slices.Contains(linux.ReadonlyPaths, "/proc/sys") {
		t.Errorf("shown paths are hidden: %v, %v", linux.MaskedPaths, linux.ReadonlyPaths)
	}
	if !slices.Contains(linux.MaskedPaths, "/etc/secret") || !slices.Contains(linux.MaskedPaths, "/proc/keys") || !slices.Contains(linux.ReadonlyPaths, "/proc/bus") {
		t.Errorf("paths are not hidden: %v, %v", linux.MaskedPaths, linux.ReadonlyPaths)
	}
	for _, opts := range []Options{{Privileged: true}, {Security: Security{UnmaskAll: true}}} {
		if linux := r.mustSpec(sh("true"), opts).Linux; len(linux.MaskedPaths)+len(linux.ReadonlyPaths) != 0 {
			t.Errorf("%v, %v", linux.MaskedPaths, linux.ReadonlyPaths)
		}
	}
}

func TestRunPaths(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		r.write("/etc/secret", "secret")
		out, code := r.run(runtime, r.mustSpec(sh("for f in /proc/keys /proc/timer_list /proc/interrupts /etc/secret; do cat $f; done; ls /proc/acpi /sys/firmware /sys/dev/block | grep -v : | grep .; "+
			"echo 1 2>&1 >/proc/sys/kernel/panic; true"), Options{Security: Security{Mask: []string{"/etc/secret"}}}))
		if code != 0 || out != "/bin/sh: can't create /proc/sys/kernel/panic: Read-only file system" {
			t.Errorf("%q (%d)", out, code)
		}
	})
}

func TestRunPrivileged(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		out, code := r.run(runtime, r.mustSpec(sh("mount -t tmpfs x /tmp && test -c /dev/kmsg && grep ^Seccomp: /proc/self/status"), Options{Privileged: true}))
		if code != 0 || out != "Seccomp:\t0" {
			t.Errorf("%q (%d)", out, code)
		}
	})
}

func TestDevicesRefused(t *testing.T) {
	for _, d := range []Device{{Source: "/dev/none"}, {Source: "/etc/passwd"}, {Source: "null"}, {Source: "/dev/null", Destination: "x"}, {Source: "/dev/null", Access: "x"},
		{Source: "/dev/null", Access: "rr"}, {Source: "/dev/null\x00"}, {Source: t.TempDir()}} {
		if err := (Options{Devices: []Device{d}}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", d, err)
		}
	}
}

func TestRunDevices(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		expectRun(t, r, runtime, "test -c /dev/kmsg || echo none; test -c /dev/mine && echo mine; busybox dd if=/dev/mine bs=1 count=1 2>/dev/null | wc -c; echo x 2>&1 >/dev/mine || true",
			Options{Devices: []Device{{Source: "/dev/kmsg", Destination: "/dev/mine", Access: "w"}}, Command: []string{"/bin/sh", "-c", "test -c /dev/kmsg || echo none; test -c /dev/mine && echo mine"}}, "none\nmine")
		// What is not allowed cannot be opened, even by one who may make the node.
		expectRun(t, r, runtime, "busybox mknod /tmp/k c 1 11 && cat /tmp/k 2>&1; true", Options{CapAdd: []string{"MKNOD"}}, "cat: can't open '/tmp/k': Operation not permitted")
	})
}
