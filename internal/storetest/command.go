// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

// Result is what a command did.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run runs a command on a store, in this process.
func Run(t testing.TB, cmd *cobra.Command, store *libstorage.Store, args ...string) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	global := []string{"--root", store.Root(), "--runroot", store.RunRoot(), "--storage-driver", store.Driver()}
	code := cli.Run(t.Context(), cmd, append(global, args...), &stdout, &stderr)
	return Result{stdout.String(), stderr.String(), code}
}

// Complete gives what the shell is offered for the last of args.
func Complete(t testing.TB, cmd *cobra.Command, args ...string) []string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := cli.Run(t.Context(), cmd, append([]string{cobra.ShellCompNoDescRequestCmd}, args...), &stdout, &stderr); code != 0 {
		t.Fatalf("complete: %d: %s", code, &stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	if len(lines) < 2 {
		return nil
	}
	return lines[:len(lines)-1] // the last one is a directive
}
