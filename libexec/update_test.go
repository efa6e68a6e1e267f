// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
)

func TestDifference(t *testing.T) {
	host := thisHost()
	if !host.has("/", "memory") || !host.has("/", "cpu") || !host.has("/", "pids") {
		t.Skip("needs the controllers memory, cpu and pids")
	}
	for name, tc := range map[string]struct {
		from, to Resources
		want     string
	}{
		"nothing": {Resources{Memory: 1 << 30}, Resources{Memory: 1 << 30}, "null"},
		"memory":  {Resources{CPUs: 1}, Resources{CPUs: 1, MemoryReservation: 1 << 20}, `{"memory":{"reservation":1048576}}`},
		"lifted":  {Resources{MemoryReservation: 1 << 20}, Resources{}, `{"memory":{"reservation":-1}}`},
		"cpus":    {Resources{Pids: 5}, Resources{CPUs: 0.5, Pids: 5}, `{"cpu":{"quota":50000,"period":100000}}`},
		"shares":  {Resources{CPUs: 1, CPUShares: 5}, Resources{}, `{"cpu":{"shares":1024,"quota":104857600000,"period":100000}}`},
		"pids":    {Resources{}, Resources{Pids: 7}, `{"pids":{"limit":7}}`},
		"no pids": {Resources{Pids: 7}, Resources{Pids: -1}, `{"pids":{"limit":4194304}}`},
	} {
		change, err := difference(host, Options{Resources: tc.from}, tc.to)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := json.Marshal(change); err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, tc.want)
		}
	}
	for _, to := range []Resources{{Memory: 2, MemorySwap: 1}, {CPUs: -1}, {Pids: -7}, {CpusetCPUs: "x"}} {
		if _, err := difference(host, Options{}, to); !errors.Is(err, errclass.Usage) && !errors.Is(err, errclass.Unsupported) {
			t.Errorf("%+v: %v", to, err)
		}
	}
}

// TestDifferenceWithoutCgroup: where none may be made there is nothing to tell, and
// a limit is an error.
func TestDifferenceWithoutCgroup(t *testing.T) {
	host := fakeHost(t, userSelf, nil, map[string]string{"cgroup.controllers": "cpu memory pids\n", "cgroup.procs": ""})
	limits, err := Options{Resources: Resources{Pids: -1}}.limitsOn(host)
	if err != nil || limits == nil {
		t.Errorf("%+v, %v", limits, err)
	}
	if _, err := (Options{Resources: Resources{Memory: 1 << 30}}).limitsOn(host); err == nil {
		t.Error("a limit without a cgroup: no error")
	}
}

// TestLimitsOfSplit: they are those that the cgroup has which is split, and not those
// of the one below which another container's would be made.
func TestLimitsOfSplit(t *testing.T) {
	const own = "user.slice/app.scope"
	files := map[string]string{
		"cgroup.controllers": "cpu memory pids\n", "cgroup.procs": "", own + "/cgroup.procs": "7\n", own + "/cgroup.controllers": "memory\n",
	}
	for _, writable := range [][]string{{""}, {own}} {
		host := fakeHost(t, "0::/"+own+"\n", writable, files)
		split := Options{Cgroups: CgroupsSplit, Resources: Resources{Memory: 1 << 30}}
		if _, err := split.limitsOn(host); err != nil {
			t.Errorf("memory: %v", err)
		}
		split.Resources = Resources{CPUs: 1}
		if _, err := split.limitsOn(host); !errors.Is(err, errclass.Unsupported) {
			t.Errorf("cpus: %v", err)
		}
	}
}
