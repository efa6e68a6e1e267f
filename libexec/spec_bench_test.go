// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// BenchmarkNewSpec is on the way of every run: all of tug-run above the runtime
// is a few milliseconds.
func BenchmarkNewSpec(b *testing.B) {
	dir := b.TempDir()
	for _, name := range []string{"bin", "etc", "proc", "sys", "dev"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	busybox, err := os.ReadFile("/bin/busybox")
	if err != nil {
		b.Skip("condition busybox: no static busybox on this host")
	}
	for name, content := range map[string]string{"bin/true": string(busybox), "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	image := &v1.ImageConfig{Cmd: []string{"true"}, Env: []string{"PATH=/bin"}}
	size, run := 0, b.TempDir()
	for i := 0; b.Loop(); i++ {
		spec, err := NewSpec(dir, image, Options{ID: fmt.Sprint(i), RunDir: run})
		if err != nil {
			b.Fatal(err)
		}
		data, err := EncodeSpec(spec)
		if err != nil {
			b.Fatal(err)
		}
		size = len(data)
	}
	b.ReportMetric(float64(size), "bytes")
}
