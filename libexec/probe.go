// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// probeAgain is how long a runtime that did not work is left alone: the reason
// may be mended without its file changing (a cgroup controller mounted).
const probeAgain = time.Minute

// cacheKey tells one state of a file from another.
type cacheKey struct {
	Path  string `json:"path"`
	Dev   uint64 `json:"dev"`
	Ino   uint64 `json:"ino"`
	Size  int64  `json:"size"`
	MTime int64  `json:"mtime"`
}

func keyOf(path string, stat *syscall.Stat_t) cacheKey {
	return cacheKey{path, uint64(stat.Dev), stat.Ino, stat.Size, stat.Mtim.Nano()}
}

type probeResult struct {
	cacheKey
	Boot   string `json:"boot"`
	Failed string `json:"failed,omitempty"`
	At     int64  `json:"at"`
}

// probeCache is STATE/runtimes.json. It is a memory, not a record: unreadable
// or unwritable, it costs another probe.
type probeCache struct {
	file    string
	boot    string
	Format  int           `json:"format"`
	Results []probeResult `json:"results"`
}

func openProbeCache(stateDir string) *probeCache {
	c := &probeCache{file: filepath.Join(stateDir, "runtimes.json")}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	c.boot = strings.TrimSpace(string(boot))
	data, err := readBounded(c.file, 1<<20)
	if err != nil || json.Unmarshal(data, c) != nil || c.Format != 1 {
		c.Format, c.Results = 1, nil
	}
	return c
}

// works reports whether r is able to run a container here, by memory or by trial.
func (c *probeCache) works(ctx context.Context, r *Runtime, scratch string) error {
	now := time.Now().Unix()
	kept := c.Results[:0]
	for _, known := range c.Results {
		if known.cacheKey == r.cache && known.Boot == c.boot {
			if known.Failed == "" {
				return nil
			}
			if age := now - known.At; age >= 0 && age < int64(probeAgain/time.Second) {
				return fmt.Errorf("%s: %s", r.Path, known.Failed)
			}
		}
		if known.Path != r.Path {
			kept = append(kept, known)
		}
	}
	err := r.probe(ctx, scratch)
	if ctx.Err() != nil {
		return err
	}
	result := probeResult{cacheKey: r.cache, Boot: c.boot, At: now}
	if err != nil {
		result.Failed = oneLine(err.Error())
	}
	c.Results = append(kept, result)
	c.save()
	if err != nil {
		return fmt.Errorf("%s: %w", r.Path, err)
	}
	return nil
}

func (c *probeCache) save() {
	data, err := json.Marshal(c)
	if err != nil {
		return
	}
	if os.MkdirAll(filepath.Dir(c.file), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(c.file), ".runtimes-*")
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if cerr := f.Close(); err != nil || cerr != nil || os.Rename(f.Name(), c.file) != nil {
		os.Remove(f.Name())
	}
}

// probe runs the smallest container there is.
func (r *Runtime) probe(ctx context.Context, scratch string) error {
	program := exitProgram()
	if program == nil {
		return nil // no program for this processor: believe the file
	}
	if scratch != "" {
		if err := os.MkdirAll(scratch, 0o700); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp(scratch, "tug-probe-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	rootfs := filepath.Join(dir, "rootfs")
	for _, name := range []string{rootfs, rootfs + "/proc", rootfs + "/dev", rootfs + "/sys"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(rootfs+"/exit", program, 0o755); err != nil {
		return err
	}
	id := filepath.Base(dir)
	spec := specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: rootfs},
		Process: &specs.Process{Args: []string{"/exit"}, Cwd: "/", Env: []string{"PATH=/"}, NoNewPrivileges: true},
		Mounts:  []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}},
		Linux: &specs.Linux{
			CgroupsPath: "/" + id,
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
			},
		},
	}
	config, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600); err != nil {
		return err
	}
	quiet, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer quiet.Close()
	exit, err := r.Run(ctx, Container{ID: id, Bundle: dir}, RunOptions{
		Stdio:        Stdio{Out: quiet, Err: quiet},
		StartTimeout: 10 * time.Second,
		Timeout:      10 * time.Second,
	})
	if err != nil {
		return err
	}
	if exit.Code != 0 {
		return fmt.Errorf("trial container ended with %d instead of 0", exit.Code)
	}
	return nil
}
