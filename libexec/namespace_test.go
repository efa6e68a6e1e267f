// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestNamespaces(t *testing.T) {
	r := newRig(t).busybox()
	kinds := func(opts Options) map[specs.LinuxNamespaceType]string {
		found := map[specs.LinuxNamespaceType]string{}
		for _, n := range r.mustSpec(sh("true"), opts).Linux.Namespaces {
			found[n.Type] = n.Path
		}
		return found
	}
	host := Namespace{Mode: HostMode}
	all := kinds(Options{})
	for _, kind := range []specs.LinuxNamespaceType{specs.MountNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.PIDNamespace, specs.UTSNamespace} {
		if _, there := all[kind]; !there {
			t.Errorf("no %s namespace", kind)
		}
	}
	if none := kinds(Options{Network: host, IPC: host, PID: host, UTS: host, Cgroup: host}); len(none) != 1 {
		t.Errorf("with the host's: %v", none)
	}
	joined := kinds(Options{Network: Namespace{PathMode, "/proc/self/ns/net"}})
	if joined[specs.NetworkNamespace] != "/proc/self/ns/net" {
		t.Errorf("joined: %v", joined)
	}
	if spec := r.mustSpec(sh("true"), Options{IPC: Namespace{Mode: NoneMode}}); findMount(spec, "/dev/shm") != nil || findMount(spec, "/dev/mqueue") == nil {
		t.Error("ipc none has /dev/shm")
	}
	if spec := r.mustSpec(sh("true"), Options{ShmSize: 4096}); !strings.Contains(strings.Join(findMount(spec, "/dev/shm").Options, ","), "size=4096") {
		t.Error("the size of /dev/shm is not what was asked for")
	}
	for _, opts := range []Options{
		{PID: Namespace{Mode: NoneMode}}, {Network: Namespace{Mode: "bridge"}}, {Network: Namespace{PathMode, "/etc/passwd"}}, {Network: Namespace{PathMode, "/none"}},
		{UTS: Namespace{PathMode, ""}}, {UTS: Namespace{PathMode, "/proc/self/ns/net"}},
	} {
		if err := opts.Check(); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

// CVE-2022-0811: a value carried a second setting through a runtime.
func TestSysctlRefused(t *testing.T) {
	for _, value := range []string{"1+kernel.core_pattern=|x", "1\nkernel.core_pattern=x", "1=2", "1;2", "1\x00", "$(x)", "|x", "a'b", strings.Repeat("1", 5000)} {
		if err := (Options{Sysctls: map[string]string{"net.ipv4.ip_forward": value}}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("value %q: %v", value, err)
		}
	}
	for _, name := range []string{"kernel.core_pattern", "kernel.hostname", "vm.overcommit_memory", "fs.file-max", "net", "", "net..x", "net.x=1", "net.x\n", "../net.x", "net/../kernel/core_pattern",
		"netx.y", "kernel.sem/x+y"} {
		if err := (Options{Sysctls: map[string]string{name: "1"}}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	host := Namespace{Mode: HostMode}
	for name, opts := range map[string]Options{"net.ipv4.ip_forward": {Network: host}, "kernel.sem": {IPC: host}, "fs.mqueue.msg_max": {IPC: host}, "kernel.domainname": {UTS: host}} {
		opts.Sysctls = map[string]string{name: "1"}
		if err := opts.Check(); !errors.Is(err, ErrOption) {
			t.Errorf("%s of the host: %v", name, err)
		}
	}
}

func TestRunNamespaces(t *testing.T) {
	host := Namespace{Mode: HostMode}
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		expectRun(t, r, runtime, "hostname; cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax; ls /sys/class/net | grep -c .",
			Options{Hostname: "box.test", Sysctls: map[string]string{"net.ipv4.ip_unprivileged_port_start": "0", "kernel.msgmax": "4242"}}, "box.test\n0\n4242\n1")
		expectRun(t, r, runtime, "hostname", Options{UTS: host}, name)
		expectRun(t, r, runtime, "cat /proc/1/comm", Options{PID: host}, commOfInit(t))
		expectRun(t, r, runtime, "readlink /proc/self/ns/net /proc/self/ns/ipc", Options{Network: host, IPC: host, Command: []string{"/bin/busybox", "readlink", "/proc/self/ns/net"}}, namespaceOf(t, "net"))
		expectRun(t, r, runtime, "id", Options{Network: Namespace{PathMode, "/proc/self/ns/net"}, Command: []string{"/bin/busybox", "readlink", "/proc/self/ns/net"}}, namespaceOf(t, "net"))
	})
}

func commOfInit(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/1/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func namespaceOf(t *testing.T, kind string) string {
	t.Helper()
	name, err := os.Readlink("/proc/self/ns/" + kind)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestHostnameOfTheHostsNetwork(t *testing.T) {
	want, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	opts := &Options{ID: "0123456789abcdef", Network: Namespace{Mode: HostMode}}
	if got, err := hostnameOf(opts); got != want || err != nil {
		t.Errorf("on the host's network: %q, %v; want %q", got, err, want)
	}
	opts.Network = Namespace{}
	if got, err := hostnameOf(opts); got != "0123456789ab" || err != nil {
		t.Errorf("on its own: %q, %v", got, err)
	}
}
