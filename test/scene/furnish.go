// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/libexec"
)

// Options of a store.
type Options struct {
	// Bin is the directory of our programs, put in front of PATH.
	Bin string
	// Runtime is the OCI runtime, crun or runc.
	Runtime string
	// Registry is the host of a registry that is searched for short names, over
	// plain HTTP; empty for none.
	Registry string
	// RunRoot is the run root; empty for one below the directory. Podman takes
	// none of more than 50 characters.
	RunRoot string
	// Path is the PATH after Bin; empty for our own.
	Path string
}

// Home is a furnished store.
type Home struct {
	// Dir holds the configuration, Root and RunRoot the store.
	Dir, Root, RunRoot string
	// Env is what every tool of the field finds them by.
	Env map[string]string
}

// Furnish makes a store and its configuration in dir.
func Furnish(dir string, o Options) (*Home, error) {
	store := filepath.Join(dir, ".store")
	h := &Home{Dir: filepath.Join(dir, ".home"), Root: filepath.Join(store, "root"), RunRoot: filepath.Join(store, "run")}
	if o.RunRoot != "" {
		h.RunRoot = o.RunRoot
	}
	program, err := exec.LookPath(o.Runtime)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"auth.json":       "{}",
		"storage.conf":    fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", h.Root, h.RunRoot),
		"registries.conf": o.registries(),
		"containers.conf": fmt.Sprintf("[engine]\nruntime = %q\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n"+
			"tmp_dir = %q\n[engine.runtimes]\n%s = [%q]\n[containers]\nnetns = \"none\"\nlog_driver = \"k8s-file\"\n",
			o.Runtime, filepath.Join(h.RunRoot, "libpod"), o.Runtime, program),
	} {
		if err := os.WriteFile(h.file(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if err := h.wrapPodman(); err != nil {
		return nil, err
	}
	if err := h.heed(); err != nil {
		return nil, err
	}
	path := o.Path
	if path == "" {
		path = os.Getenv("PATH")
	}
	h.Env = map[string]string{
		"HOME": h.Dir, "PATH": h.Dir + ":" + o.Bin + ":" + path + ":/usr/sbin:/sbin",
		"CONTAINERS_STORAGE_CONF": h.file("storage.conf"), "CONTAINERS_REGISTRIES_CONF": h.file("registries.conf"),
		"CONTAINERS_CONF": h.file("containers.conf"), "REGISTRY_AUTH_FILE": h.file("auth.json"),
		"LC_ALL": "C.UTF-8", "TERM": "dumb",
	}
	return h, nil
}

// heed hears what is to be said of the host's runtimes, which is said once: what
// commands print in a test does not depend on their versions.
func (h *Home) heed() error {
	for _, name := range []string{"crun", "runc"} {
		r, err := libexec.FindRuntime(context.Background(), libexec.RuntimeOptions{Name: name, StateDir: filepath.Join(h.RunRoot, "tug", "runtime")})
		if errors.Is(err, libexec.ErrRuntimeNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		r.Advice(context.Background())
	}
	return nil
}

// wrapPodman names the store on podman's command line too. Podman 4 passes it
// on to the process that cleans up after a container from there only; by the
// environment alone, that one looks elsewhere and each run waits 20 s for it.
func (h *Home) wrapPodman() error {
	podman, err := exec.LookPath("podman")
	if err != nil {
		return nil // tests that need it skip
	}
	text := fmt.Sprintf("#!/bin/sh\nexec %s --root %s --runroot %s \"$@\"\n", podman, h.Root, h.RunRoot)
	return os.WriteFile(h.file("podman"), []byte(text), 0o755)
}

// Environ is Env as a list.
func (h *Home) Environ() []string {
	var list []string
	for name, value := range h.Env {
		list = append(list, name+"="+value)
	}
	return list
}

func (h *Home) file(name string) string { return filepath.Join(h.Dir, name) }

func (o Options) registries() string {
	var b strings.Builder
	if o.Registry != "" {
		fmt.Fprintf(&b, "unqualified-search-registries = [%q]\n", o.Registry)
	}
	b.WriteString("short-name-mode = \"permissive\"\n")
	if o.Registry != "" {
		fmt.Fprintf(&b, "[[registry]]\nlocation = %q\ninsecure = true\n", o.Registry)
	}
	return b.String()
}
