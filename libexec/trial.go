// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// trial is the smallest container there is: one program of a few instructions.
type trial struct {
	seccomp     *specs.LinuxSeccomp
	annotations map[string]string
	// running, when set, is called while the program waits for it to return. If
	// we are killed meanwhile, the container ends by itself.
	running func(id string, p Process) error
}

// trialTimeout bounds each part of a trial.
const trialTimeout = 10 * time.Second

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

// try runs a trial to its end.
func (r *Runtime) try(ctx context.Context, t trial) error {
	program := trialProgram()
	if program == nil {
		if t.running != nil {
			return errors.New("no trial program for this processor")
		}
		return nil // believe the file
	}
	if r.scratch != "" {
		if err := os.MkdirAll(r.scratch, 0o700); err != nil {
			return err
		}
		defer lockProbes(r.scratch).Close() // of a nil one it is an error, and no more
	}
	dir, err := os.MkdirTemp(r.scratch, probePrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := t.bundle(dir, program); err != nil {
		return err
	}
	quiet, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer quiet.Close()
	o := RunOptions{
		Stdio:        Stdio{Out: quiet, Err: quiet},
		StartTimeout: trialTimeout,
		Timeout:      trialTimeout,
	}
	id := filepath.Base(dir)
	if t.running != nil {
		done, err := t.watch(id, &o)
		if err != nil {
			return err
		}
		defer done()
	}
	exit, err := r.Run(ctx, Container{ID: id, Bundle: dir}, o)
	if err != nil {
		return err
	}
	if exit.Code != 0 {
		return fmt.Errorf("trial container ended with %d instead of 0", exit.Code)
	}
	return nil
}

// bundle writes the trial's bundle into an empty directory.
func (t *trial) bundle(dir string, program []byte) error {
	rootfs := filepath.Join(dir, "rootfs")
	for _, name := range []string{rootfs, rootfs + "/proc", rootfs + "/dev", rootfs + "/sys"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			return err
		}
	}
	// rootdir:allow we have just made it, and nobody else has seen it
	if err := os.WriteFile(rootfs+"/trial", program, 0o755); err != nil {
		return err
	}
	spec := specs.Spec{
		Version: specVersion,
		Root:    &specs.Root{Path: rootfs},
		Process: &specs.Process{Args: []string{"/trial"}, Cwd: "/", Env: []string{"PATH=/"}, NoNewPrivileges: true},
		Mounts:  []specs.Mount{{Destination: "/proc", Type: "proc", Source: "proc"}},
		Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
			},
			Seccomp: t.seccomp,
		},
		Annotations: t.annotations,
	}
	if base, ok := thisHost().base(); ok {
		spec.Linux.CgroupsPath = filepath.Join(base, filepath.Base(dir))
	}
	config, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), config, 0o600)
}

// watch lets o call running between the program's first byte and its last wait.
func (t *trial) watch(id string, o *RunOptions) (done func(), err error) {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, inRead.Close(), inWrite.Close())
	}
	o.Stdio.In, o.Stdio.Out = inRead, outWrite
	o.OnStart = func(p Process) error {
		defer inWrite.Close()
		// The runtime has its own by now; ours would hide the end.
		if err := outWrite.Close(); err != nil {
			return err
		}
		if err := outRead.SetReadDeadline(time.Now().Add(trialTimeout)); err != nil {
			return err
		}
		if _, err := outRead.Read(make([]byte, 1)); err != nil {
			return fmt.Errorf("trial program: %w", err)
		}
		return t.running(id, p)
	}
	return func() {
		for _, f := range []*os.File{inRead, inWrite, outRead, outWrite} {
			_ = f.Close() // some are closed already
		}
	}, nil
}
