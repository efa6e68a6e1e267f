// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"path/filepath"
	"testing"

	"go.podman.io/image/v5/types"
)

// TestNoPolicyFile: a machine without a policy.json anywhere has the embedded
// default; a file that was named must exist.
func TestNoPolicyFile(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("CONTAINERS_POLICY_JSON", "")
	bare := t.TempDir()
	got, err := policy(&types.SystemContext{RootForImplicitAbsolutePaths: bare})
	if err != nil {
		t.Fatalf("without a file: %v", err)
	}
	if err := got.Destroy(); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(bare, "policy.json")
	if _, err := policy(&types.SystemContext{SignaturePolicyPath: missing}); err == nil {
		t.Error("a named file that is missing was accepted")
	}
	t.Setenv("CONTAINERS_POLICY_JSON", missing)
	if _, err := policy(&types.SystemContext{RootForImplicitAbsolutePaths: bare}); err == nil {
		t.Error("a file that the environment names, and that is missing, was accepted")
	}
}
