// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"bytes"
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
