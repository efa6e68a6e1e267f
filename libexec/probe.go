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
	"golang.org/x/sys/unix"
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
	c := &probeCache{file: filepath.Join(stateDir, "runtimes")}
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	c.boot = strings.TrimSpace(string(boot))
	data, err := readBounded(c.file, 1<<16)
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
func (c *probeCache) works(ctx context.Context, r *Runtime, scratch string) error {
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
	err := r.probe(ctx, scratch)
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

const probePrefix = "tug-probe-"

// lockProbes is held, shared, by whoever tries a runtime in dir. Who finds it
// free removes first what trials left whose process was killed. It is a help:
// a file system without such locks costs no trial.
func lockProbes(dir string) *os.File {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
		left, _ := f.Readdirnames(-1)
		for _, name := range left {
			if strings.HasPrefix(name, probePrefix) {
				_ = os.RemoveAll(filepath.Join(dir, name))
			}
		}
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_SH)
	return f
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
		defer lockProbes(scratch).Close() // of a nil one it is an error, and no more
	}
	dir, err := os.MkdirTemp(scratch, probePrefix)
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
	// rootdir:allow we have just made it, and nobody else has seen it
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
