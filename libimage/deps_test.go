// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies keeps out what costs at every start: docs/start-cost.md.
func TestDependencies(t *testing.T) {
	forbidden := map[string]string{
		"google.golang.org/":                  "gRPC and Protocol Buffers",
		"github.com/distribution/reference":   "3,600 allocations of patterns",
		"github.com/moby/moby/client ":        "Docker's client",
		"go.opentelemetry.io/":                "tracing",
		"github.com/manifoldco/promptui":      "a prompt",
		"html/template":                       "Docker's router",
		"go.podman.io/image/v5/openshift":     "a transport that is not offered",
		"go.podman.io/image/v5/sif":           "a transport that is not offered",
		"github.com/google/go-github":         "an API client",
		"go.podman.io/image/v5/docker/daemon": "Docker's client",
	}
	out, err := exec.Command("go", "list", "-deps", "github.com/tug-containers/tug/libimage").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		for prefix, why := range forbidden {
			if strings.HasPrefix(strings.TrimSpace(dep)+" ", prefix) {
				t.Errorf("%s is linked: %s", strings.TrimSpace(dep), why)
			}
		}
	}
}
