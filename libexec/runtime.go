// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
)

// Runtime is an OCI runtime's executable file together with the directory where
// it keeps its state. It is safe for use by many goroutines.
type Runtime struct {
	Name string // crun, runc, or what the configuration calls it
	Path string // the file, absolute

	// CgroupManager is what containers.conf says.
	CgroupManager string

	root    string // its --root
	scratch string // for trials; see RuntimeOptions.ScratchDir
	args    []string
	env     []string
	stat    syscall.Stat_t
}

// RuntimeOptions says how to look for a runtime.
type RuntimeOptions struct {
	// Name is what the user asked for: a plain name or an absolute path. Empty
	// leaves the choice to Config, and then to what is there and works.
	Name string
	// Config is what containers.conf says; see ReadRuntimeConfig.
	Config RuntimeConfig
	// StateDir is a directory of the run root for the states that runtimes keep
	// and for what FindRuntime remembers. It is made when missing.
	StateDir string
	// ScratchDir is a directory on a file system that allows execution, for the
	// containers that try a runtime; the image store's will do. Empty is
	// os.TempDir().
	ScratchDir string
	// Path is searched after the usual directories, like PATH.
	Path string
	// Env is the runtime's whole environment; see RuntimeEnv.
	Env []string
	// Args go between the runtime's name and its verb (--systemd-cgroup).
	Args []string
}

// candidates are tried in this order when nobody named a runtime.
var candidates = [...]string{"crun", "runc"}

const usualPath = "/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/run/current-system/sw/bin"

// RuntimeEnv picks from an environment the few variables that a runtime needs.
// Everything else stays behind: LISTEN_FDS, NOTIFY_SOCKET and the LD_ and
// language variables would change what the runtime does, and its memory is
// readable from the container for a moment.
func RuntimeEnv(environ []string) []string {
	var env []string
	path := false
	for _, entry := range environ {
		key, _, _ := strings.Cut(entry, "=")
		switch key {
		case "PATH":
			path = true
			env = append(env, entry)
		case "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS":
			env = append(env, entry)
		}
	}
	if !path {
		env = append(env, "PATH="+usualPath)
	}
	return env
}

// FindRuntime gives the runtime to use: the one named; else the one that
// containers.conf names; else crun or runc, whichever is there and is able to
// run a container on this host. To know the latter it runs a container of one
// instruction, once: the answer is kept in StateDir until the file changes or
// the machine restarts.
func FindRuntime(ctx context.Context, opts RuntimeOptions) (*Runtime, error) {
	if !filepath.IsAbs(opts.StateDir) {
		return nil, fmt.Errorf("state directory %q: not an absolute path", opts.StateDir)
	}
	name := opts.Name
	if name == "" {
		name = opts.Config.Runtime
	}
	if name != "" {
		return opts.named(name)
	}
	cache := openProbeCache(opts.StateDir)
	var tried []string
	for _, name := range candidates {
		r, err := opts.named(name)
		if err != nil {
			if !errors.Is(err, ErrRuntimeNotFound) {
				tried = append(tried, err.Error())
			}
			continue
		}
		err = cache.works(ctx, r)
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("try runtime %s: %w", r.Path, context.Cause(ctx))
		}
		tried = append(tried, err.Error())
	}
	if len(tried) == 0 {
		names := strings.Join(candidates[:], ", ")
		return nil, errclass.New(errclass.NotFound, names, fmt.Errorf("%w: none of %s is installed", ErrRuntimeNotFound, names))
	}
	return nil, errclass.New(errclass.Unsupported, candidates[0], fmt.Errorf("%w: %s", ErrRuntimeUnusable, strings.Join(tried, "; ")))
}

// named finds one runtime by name or path, without trying it.
func (o *RuntimeOptions) named(name string) (*Runtime, error) {
	if err := checkRuntimeName(name); err != nil {
		return nil, err
	}
	var places []string
	if filepath.IsAbs(name) {
		places = []string{name}
	} else {
		places = append(places, o.Config.Runtimes[name]...)
		for _, dir := range filepath.SplitList(usualPath + ":" + o.Path) {
			if filepath.IsAbs(dir) {
				places = append(places, filepath.Join(dir, name))
			}
		}
	}
	var found error
	for _, path := range places {
		if !filepath.IsAbs(path) {
			continue
		}
		var stat syscall.Stat_t
		err := syscall.Stat(path, &stat)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			continue
		case err != nil:
			found = runtimeErr(errclass.Internal, name, ErrRuntimeNotExecutable, "%s: %v", path, err)
			continue
		case stat.Mode&syscall.S_IFMT != syscall.S_IFREG || stat.Mode&0o111 == 0:
			found = runtimeErr(errclass.Usage, name, ErrRuntimeNotExecutable, "%s", path)
			continue
		}
		env := o.Env
		if env == nil {
			env = RuntimeEnv(nil)
		}
		base := baseName(path)
		return &Runtime{
			Name: base, Path: path, CgroupManager: o.Config.CgroupManager,
			root:    filepath.Join(o.StateDir, base),
			scratch: o.ScratchDir,
			args:    o.Args, env: env, stat: stat,
		}, nil
	}
	if found != nil {
		return nil, found
	}
	return nil, errclass.New(errclass.NotFound, name, fmt.Errorf("runtime %q: %w", name, ErrRuntimeNotFound))
}

// checkRuntimeName refuses whatever could lead from a name to a file that nobody
// meant.
func checkRuntimeName(name string) error {
	bad := name == "" || name == "." || name == ".." || strings.HasPrefix(name, "-") ||
		strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f })
	if strings.Contains(name, "/") {
		bad = bad || !filepath.IsAbs(name) || filepath.Clean(name) != name
	}
	if bad {
		return errclass.New(errclass.Usage, name, fmt.Errorf("runtime %q: %w: want a name without slashes, or an absolute path", name, ErrRuntimeName))
	}
	return nil
}

// makeRoot makes the directory for the runtime's state.
func (r *Runtime) makeRoot() error {
	err := os.Mkdir(r.root, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = os.MkdirAll(r.root, 0o700)
	}
	return err
}
