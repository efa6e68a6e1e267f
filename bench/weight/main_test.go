// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestPackageOf(t *testing.T) {
	for symbol, want := range map[string]string{
		"main.main":                                    "main",
		"net/http.(*Client).Do":                        "net/http",
		"github.com/spf13/cobra.(*Command).Find":       "github.com/spf13/cobra",
		"go.yaml.in/yaml/v3.init":                      "go.yaml.in/yaml/v3",
		"gopkg.in/yaml%2ev3.Unmarshal":                 "gopkg.in/yaml.v3",
		"go:itab.*github.com/a/b.T,io.Reader":          "github.com/a/b",
		"slices.SortFunc[go.shape.[]github.com/a/b.T]": "slices",
		"type:.eq.github.com/a/b.T":                    "github.com/a/b",
		"runtime":                                      "",
	} {
		if got := packageOf(symbol); got != want {
			t.Errorf("packageOf(%q) = %q, want %q", symbol, got, want)
		}
	}
}

func TestOf(t *testing.T) {
	modules := map[string]*weight{"a.b/c": {module: "a.b/c"}, "a.b/c/v2": {module: "a.b/c/v2"}}
	for path, want := range map[string]string{"a.b/c": "a.b/c", "a.b/c/d": "a.b/c", "a.b/c/v2/e": "a.b/c/v2", "a.b/cc": "std", "net/http": "std", "": "std"} {
		if got := of(modules, path).module; got != want {
			t.Errorf("of(%q) = %q, want %q", path, got, want)
		}
	}
}

// TestSymbols reads this very program.
func TestSymbols(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "weight")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	sizes, err := symbols(binary)
	if err != nil {
		t.Fatal(err)
	}
	if sizes["main.packageOf"] < 50 || sizes["crypto/internal/fips140/drbg.memory"] != 0 || sizes["runtime.mheap_"] != 0 {
		t.Errorf("packageOf has %d bytes, and memory that is zero has %d", sizes["main.packageOf"], sizes["runtime.mheap_"])
	}
}

func TestParseTrace(t *testing.T) {
	costs := parseTrace("init net/http @0.9 ms, 0.061 ms clock, 21864 bytes, 180 allocs\nusage: init\n")
	if want := map[string]int64{"net/http": 61000}; !maps.Equal(costs, want) {
		t.Errorf("%v, want %v", costs, want)
	}
}
