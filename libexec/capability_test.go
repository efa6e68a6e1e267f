// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestCapabilitySets(t *testing.T) {
	ours := boundingSet()
	with := func(extra ...string) []string { return intersect(ours, append(DefaultCapabilities(), extra...)) }
	for _, tc := range []struct {
		name                          string
		opts                          Options
		uid                           uint32
		bounding, effective, inherits []string
	}{
		{"root", Options{}, 0, with(), with(), nil},
		{"user", Options{}, 1000, with(), nil, nil},
		{"add", Options{CapAdd: []string{"net_raw", "CAP_MKNOD"}}, 0, with("CAP_NET_RAW", "CAP_MKNOD"), with("CAP_NET_RAW", "CAP_MKNOD"), nil},
		{"add for a user", Options{CapAdd: []string{"net_raw"}}, 1000, with("CAP_NET_RAW"), []string{"CAP_NET_RAW"}, []string{"CAP_NET_RAW"}},
		{"drop", Options{CapDrop: []string{"chown"}}, 0, with()[1:], with()[1:], nil},
		{"drop all", Options{CapDrop: []string{"all"}}, 0, []string{}, []string{}, nil},
		{"drop all, add one", Options{CapDrop: []string{"ALL"}, CapAdd: []string{"kill"}}, 0, []string{"CAP_KILL"}, []string{"CAP_KILL"}, nil},
		{"add all", Options{CapAdd: []string{"ALL"}}, 0, ours, ours, nil},
		{"add all, drop one", Options{CapAdd: []string{"ALL"}, CapDrop: []string{"CHOWN"}}, 0, ours[1:], ours[1:], nil},
		{"privileged", Options{Privileged: true}, 0, ours, ours, nil},
		{"privileged user", Options{Privileged: true}, 1000, ours, nil, nil},
		{"strict", Options{Security: Security{Strict: true}}, 0, intersect(ours, strictCapabilities()), intersect(ours, strictCapabilities()), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sets, err := capabilitySets(&tc.opts, tc.uid)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(sets.Bounding, tc.bounding) || !slices.Equal(sets.Effective, tc.effective) || !slices.Equal(sets.Permitted, tc.effective) {
				t.Errorf("bounding %v, effective %v", sets.Bounding, sets.Effective)
			}
			if !reflect.DeepEqual(sets.Inheritable, tc.inherits) || !reflect.DeepEqual(sets.Ambient, tc.inherits) {
				t.Errorf("inheritable %v, ambient %v; want %v", sets.Inheritable, sets.Ambient, tc.inherits)
			}
		})
	}
}

func TestCapabilitySetsRefused(t *testing.T) {
	for _, opts := range []Options{
		{CapAdd: []string{"everything"}}, {CapDrop: []string{""}}, {CapAdd: []string{"CAP_"}}, {CapAdd: []string{"chown"}, CapDrop: []string{"CHOWN"}},
	} {
		if _, err := capabilitySets(&opts, 0); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", opts.CapAdd, err)
		}
	}
	for _, name := range capabilityNames() {
		if !slices.Contains(boundingSet(), name) {
			if _, err := capabilitySets(&Options{CapAdd: []string{name}}, 0); !errors.Is(err, ErrUnsupported) {
				t.Errorf("%s, which we do not have: %v", name, err)
			}
		}
	}
}

// In the container: the default ones for root, none in effect for a user,
// inheritable and ambient ones empty (CVE-2018-10856, CVE-2022-24769).
func TestRunCapabilities(t *testing.T) {
	const none, podman = "0000000000000000", "00000000800405fb"
	want := func(effective, bounding, inheritable string) string {
		return "CapInh:\t" + inheritable + "\nCapPrm:\t" + effective + "\nCapEff:\t" + effective + "\nCapBnd:\t" + bounding + "\nCapAmb:\t" + inheritable
	}
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		const script = "grep ^Cap /proc/self/status"
		expectRun(t, r, runtime, script, Options{}, want(podman, podman, none))
		expectRun(t, r, runtime, script, Options{User: "1000"}, want(none, podman, none))
		expectRun(t, r, runtime, script, Options{User: "alice"}, want(none, podman, none))
		expectRun(t, r, runtime, script, Options{CapDrop: []string{"ALL"}}, want(none, none, none))
		expectRun(t, r, runtime, script, Options{User: "1000", CapDrop: []string{"ALL"}, CapAdd: []string{"CHOWN"}},
			want("0000000000000001", "0000000000000001", "0000000000000001"))
		out, code := r.run(runtime, r.mustSpec(sh("grep -E '^(CapInh|CapAmb|NoNew)' /proc/self/status"), Options{Security: Security{Strict: true}}))
		if code != 0 || !strings.Contains(out, "NoNewPrivs:\t1") || strings.Count(out, none) != 2 {
			t.Errorf("strict: %q (%d)", out, code)
		}
	})
}

// Supplementary groups: the primary one is among them (CVE-2022-2989).
func TestRunGroups(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		const script = "id -u; id -g; grep ^Groups /proc/self/status"
		expectRun(t, r, runtime, script, Options{}, "0\n0\nGroups:\t0 44")
		expectRun(t, r, runtime, script, Options{User: "alice"}, "1000\n1000\nGroups:\t29 44 1000")
		expectRun(t, r, runtime, script, Options{User: "5:6", Groups: []string{"audio"}}, "5\n6\nGroups:\t6 29")
	})
}
