// SPDX-License-Identifier: Apache-2.0

package version

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/version"
)

func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = cli.Run(t.Context(), New(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestVersion(t *testing.T) {
	code, stdout, stderr := run(t)
	if !strings.HasPrefix(stdout, "Version:     "+version.Version+"\nGo Version:  "+runtime.Version()+"\n") || code != 0 || stderr != "" {
		t.Errorf("%d %q %q", code, stdout, stderr)
	}
	code, stdout, _ = run(t, "--format", "{{.Client.Version}}")
	if stdout != version.Version+"\n" || code != 0 {
		t.Errorf("%d %q", code, stdout)
	}
	var got report
	code, stdout, _ = run(t, "-f", "json")
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || got.Client != version.Get() || code != 0 {
		t.Errorf("%d %q: %v", code, stdout, err)
	}
	for _, args := range [][]string{{"extra"}, {"--format", "{{.Nothing}}"}, {"--format", "{{"}} {
		if code, stdout, stderr := run(t, args...); code != 125 || stdout != "" || !strings.HasPrefix(stderr, "Error: ") {
			t.Errorf("%q: %d %q %q", args, code, stdout, stderr)
		}
	}
}
