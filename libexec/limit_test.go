// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/idmap"
)

func TestRlimits(t *testing.T) {
	r := newRig(t).busybox()
	ids, err := idmap.Own()
	if err != nil {
		t.Fatal(err)
	}
	highest, err := highestRlimit(unix.RLIMIT_NOFILE, ids)
	if err != nil {
		t.Fatal(err)
	}
	find := func(spec *specs.Spec, name string) specs.POSIXRlimit {
		for _, limit := range spec.Process.Rlimits {
			if limit.Type == name {
				return limit
			}
		}
		return specs.POSIXRlimit{}
	}
	if got := find(r.mustSpec(sh("true"), Options{}), "RLIMIT_NOFILE"); got.Hard != min(highest, defaultRlimit) || got.Soft != got.Hard {
		t.Errorf("default: %+v", got)
	}
	if got := r.mustSpec(sh("true"), Options{RlimitsHost: true}).Process.Rlimits; got != nil {
		t.Errorf("host: %+v", got)
	}
	var notes []string
	spec := r.mustSpec(sh("true"), Options{
		Rlimits: []Rlimit{{"nofile", RlimitUnlimited, RlimitUnlimited}, {"core", 0, 0}},
		Debug:   func(note string) { notes = append(notes, note) },
	})
	if got := find(spec, "RLIMIT_NOFILE"); got.Hard != highest || got.Soft != highest {
		t.Errorf("unlimited became %+v; want the host's %d", got, highest)
	}
	if got := find(spec, "RLIMIT_CORE"); got.Type == "" || got.Hard != 0 {
		t.Errorf("core: %+v", got)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "nofile") {
		t.Errorf("notes %q", notes)
	}
	for _, bad := range []Rlimit{{"odd", 1, 1}, {"nofile", 2, 1}} {
		if _, err := r.spec(sh("true"), Options{Rlimits: []Rlimit{bad}}); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	adj := 1001
	if _, err := r.spec(sh("true"), Options{OOMScoreAdj: &adj}); !errors.Is(err, ErrOption) {
		t.Errorf("oom score: %v", err)
	}
}

func TestRunRlimits(t *testing.T) {
	adj := 500
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		umask := uint32(0o027)
		expectRun(t, r, runtime, "ulimit -Sn; ulimit -Hn; ulimit -c; umask; cat /proc/self/oom_score_adj",
			Options{Rlimits: []Rlimit{{"nofile", 100, 200}, {"core", 0, 0}, {"nproc", RlimitUnlimited, RlimitUnlimited}}, Umask: &umask, OOMScoreAdj: &adj},
			"100\n200\n0\n0027\n500")
	})
}

func TestResourcesRefused(t *testing.T) {
	for _, r := range []Resources{
		{Memory: -1}, {MemoryReservation: -1}, {MemorySwap: -2}, {MemorySwap: 1}, {Memory: 2 << 20, MemorySwap: 1 << 20}, {Memory: 1 << 20, MemoryReservation: 2 << 20},
		{CPUs: -1}, {CPUs: 0.001}, {Pids: -2}, {CpusetCPUs: "x"}, {CpusetCPUs: "0,"}, {CpusetMems: "1-0"}, {CpusetCPUs: "0\n1"},
	} {
		if err := (Options{Resources: r}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	for _, parent := range []string{"../x", "a/../../b", "a:b", "a\nb"} {
		if err := (Options{CgroupParent: parent}).Check(); !errors.Is(err, ErrOption) {
			t.Errorf("cgroup parent %q: %v", parent, err)
		}
	}
}

// The limits must be what the cgroup says, seen from inside.
func TestRunResources(t *testing.T) {
	if cgroup2() {
		t.Skip("condition cgroup1: a cgroup v2 host")
	}
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		r.run(runtime, r.mustSpec(sh("true"), Options{})) // warm
		expectRun(t, r, runtime, "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us cpu/cpu.shares cpuset/cpuset.cpus pids/pids.max",
			Options{Resources: Resources{Memory: 64 << 20, CPUs: 0.5, CPUShares: 512, CpusetCPUs: "0", Pids: 77}},
			"67108864\n134217728\n50000\n100000\n512\n0\n77")
		expectRun(t, r, runtime, "cat /sys/fs/cgroup/pids/pids.max; cat /proc/self/cgroup | grep pids",
			Options{CgroupParent: "/tug-test"}, "2048\n"+cgroupLine(t, "pids")+"/tug-test/tug-"+r.id)
		expectRun(t, r, runtime, "cat /sys/fs/cgroup/pids/pids.max", Options{Resources: Resources{Pids: -1}}, "max")
		if out, code := r.run(runtime, r.mustSpec(sh("true"), Options{Resources: Resources{CpusetCPUs: "4000"}})); code == 0 {
			t.Errorf("a processor that is not there is accepted: %s", out)
		}
	})
	t.Cleanup(func() { removeTestCgroup("tug-test") })
}
