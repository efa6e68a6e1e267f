// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/proc"
)

// probeAgain is how long a runtime that did not work is left alone: the reason
// may be mended without its file changing (a cgroup controller mounted).
const probeAgain = time.Minute

// fileKey tells one state of a file from another.
type fileKey struct {
	dev, ino    uint64
	size, mtime int64
}

func keyOf(stat *syscall.Stat_t) fileKey {
	return fileKey{uint64(stat.Dev), stat.Ino, stat.Size, stat.Mtim.Nano()}
}

// probeResult is one line of STATE/runtimes: what a trial showed. The fields are
// separated by spaces; path and failed are quoted as in Go.
type probeResult struct {
	boot   string
	at     int64 // seconds
	file   fileKey
	path   string
	failed string // empty: it works
}

const (
	probeMagic  = "tug-runtimes 1\n"
	probeFormat = "%s %d %d %d %d %d %q %q\n"
)

// probeCache is a memory, not a record: unreadable or unwritable, it costs
// another trial.
type probeCache struct {
	file    string
	boot    string
	results []probeResult
}

func openProbeCache(stateDir string) *probeCache {
	c := &probeCache{file: filepath.Join(stateDir, "runtimes"), boot: proc.BootID()}
	data, err := ondisk.ReadHost(c.file, 1<<16)
	rest, ok := strings.CutPrefix(string(data), probeMagic)
	if err != nil || !ok {
		return c
	}
	for line := range strings.Lines(rest) {
		var r probeResult
		_, err := fmt.Sscanf(line, probeFormat, &r.boot, &r.at, &r.file.dev, &r.file.ino, &r.file.size, &r.file.mtime, &r.path, &r.failed)
		if err != nil {
			return c
		}
		c.results = append(c.results, r)
	}
	return c
}

// works reports whether r is able to run a container here, by memory or by trial.
func (c *probeCache) works(ctx context.Context, r *Runtime) error {
	now := time.Now().Unix()
	key := keyOf(&r.stat)
	var others []probeResult
	for _, known := range c.results {
		if known.path != r.Path {
			others = append(others, known)
			continue
		}
		if known.file != key || known.boot != c.boot {
			continue
		}
		if known.failed == "" {
			return nil
		}
		if age := now - known.at; age >= 0 && age < int64(probeAgain/time.Second) {
			return fmt.Errorf("%s: %s", r.Path, known.failed)
		}
	}
	err := r.try(ctx, trial{})
	if ctx.Err() != nil {
		return err
	}
	result := probeResult{boot: c.boot, at: now, file: key, path: r.Path}
	if err != nil {
		result.failed = oneLine(err.Error())
	}
	c.results = append(others, result)
	c.save()
	if err != nil {
		return fmt.Errorf("%s: %w", r.Path, err)
	}
	return nil
}

func (c *probeCache) save() {
	data := []byte(probeMagic)
	for _, r := range c.results {
		data = fmt.Appendf(data, probeFormat, r.boot, r.at, r.file.dev, r.file.ino, r.file.size, r.file.mtime, r.path, r.failed)
	}
	if os.MkdirAll(filepath.Dir(c.file), 0o700) == nil {
		_ = ondisk.ReplaceShared(c.file, data, 0o600) // the next one tries again
	}
}
