// SPDX-License-Identifier: Apache-2.0

package cleanup

import "testing"

func TestServiceExit(t *testing.T) {
	for _, c := range []struct {
		code, status string
		want         int
	}{
		{"exited", "0", 0}, {"exited", "7", 7}, {"killed", "TERM", 143}, {"dumped", "SEGV", 139},
		{"", "", -1}, {"exited", "TERM", -1}, {"exited", "300", -1}, {"killed", "NONE", -1},
	} {
		env := map[string]string{"EXIT_CODE": c.code, "EXIT_STATUS": c.status}
		got := serviceExit(func(name string) string { return env[name] })
		if got == nil && c.want != -1 || got != nil && *got != c.want {
			t.Errorf("%s %s: %v, want %d", c.code, c.status, got, c.want)
		}
	}
}
