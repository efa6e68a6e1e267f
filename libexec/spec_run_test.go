// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"strings"
	"testing"
)

func TestRunBusybox(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		out, code := r.run(runtime, r.mustSpec(sh("echo hello; hostname; pwd; id -u; exit 7"), Options{}))
		if want := "hello\n" + r.id[:12] + "\n/\n0"; out != want || code != 7 {
			t.Errorf("%q, exit %d; want %q, 7", out, code, want)
		}
	})
}

func TestRunDefaults(t *testing.T) {
	onRuntimes(t, func(t *testing.T, r *specRig, runtime string) {
		out, _ := r.run(runtime, r.mustSpec(sh("cat /proc/self/status; cat /proc/mounts; ls /dev; cat /etc/hosts; env; cat /proc/kcore | wc -c"), Options{}))
		for _, want := range []string{"CapInh:\t0000000000000000", "CapEff:\t00000000800405fb", "CapAmb:\t0000000000000000", "Seccomp:\t2"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q", want)
			}
		}
	})
}
