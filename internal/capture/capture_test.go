// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"os/exec"
	"testing"
)

func run(t *testing.T, limit int, script string) string {
	t.Helper()
	o, err := New(limit)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout, cmd.Stderr = o.File(), o.File()
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
	return o.Text()
}

func TestText(t *testing.T) {
	if got := run(t, 100, "echo out; echo err >&2"); got != "out\nerr\n" {
		t.Errorf("%q", got)
	}
	if got := run(t, 5, "head -c 10000000 /dev/zero | tr '\\0' x"); got != "xxxxx" {
		t.Errorf("%q", got)
	}
	if got := run(t, 5, ""); got != "" {
		t.Errorf("%q", got)
	}
	// One that stays behind with the pipe is not waited for.
	if got := run(t, 100, "echo before; sleep 5 &"); got != "before\n" {
		t.Errorf("%q", got)
	}
}
