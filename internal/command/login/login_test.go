// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/login"
	"github.com/tug-containers/tug/internal/command/logout"
	"github.com/tug-containers/tug/test/registry/hostile"
)

func run(t *testing.T, cmd *cobra.Command, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	code = cli.Run(t.Context(), cmd, args, &out, &err)
	return code, out.String(), err.String()
}

// TestLogin: the words of podman, 125 for failures, nobody is asked without a
// terminal.
func TestLogin(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	server := hostile.New(t, hostile.Options{})
	server.On("", "", hostile.Password("anna", "secret"))
	file := filepath.Join(t.TempDir(), "auth.json")
	in := []string{"--tls-verify=false", "--authfile", file}
	for _, step := range []struct {
		cmd            *cobra.Command
		stdin          string
		args           []string
		code           int
		stdout, stderr string
	}{
		{login.New(), "", append(in, server.Host), 125, "", "stdin is no terminal"},
		{login.New(), "", append(in, "--get-login", server.Host), 125, "", "not logged in"},
		{login.New(), "wrong\n", append(in, "-u", "anna", "--password-stdin", server.Host), 125, "", "invalid user name or password"},
		{login.New(), "secret\n", append(in, "--password-stdin", server.Host), 125, "", "--username"},
		{login.New(), "secret\n", append(in, "-u", "anna", "--password-stdin", server.Host), 0, "Login Succeeded!\n", ""},
		{login.New(), "", append(in, server.Host), 0, "Existing credentials are valid. Already logged in to " + server.Host + "\n", ""},
		{login.New(), "", append(in, "--get-login", server.Host), 0, "anna\n", ""},
		{login.New(), "", append(in, "a b"), 125, "", "a b"},
		{logout.New(), "", []string{"--authfile", file, server.Host}, 0, "Removed login credentials for " + server.Host + "\n", ""},
		{logout.New(), "", []string{"--authfile", file, server.Host}, 125, "", "not logged in"},
		{logout.New(), "", []string{"--authfile", file, "--all"}, 0, "Removed login credentials for all registries\n", ""},
		{logout.New(), "", []string{"--authfile", file, "--all", "x"}, 125, "", "--all"},
		{login.New(), "", append(in, "-u", "anna", "-p", "secret", "-v", server.Host), 0, "Login Succeeded!\n", server.Host},
	} {
		code, stdout, stderr := run(t, step.cmd, step.stdin, step.args...)
		if code != step.code || stdout != step.stdout || !strings.Contains(stderr, step.stderr) || strings.Contains(stderr, "secret") {
			t.Errorf("%s %v: %d %q %q", step.cmd.Name(), step.args, code, stdout, stderr)
		}
	}
}
