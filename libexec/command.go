// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
)

func errIsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Args are the arguments of a container's command: entrypoint and command of
// the image, or those that replace them.
func (o *Options) Args(image *v1.ImageConfig) []string {
	entrypoint, command := image.Entrypoint, image.Cmd
	if o.Entrypoint != nil {
		entrypoint, command = o.Entrypoint, nil
	}
	if len(o.Command) > 0 {
		command = o.Command
	}
	return slices.Concat(entrypoint, command)
}

// command looks whether the command can be run.
func (b *builder) command() error {
	args := b.opts.Args(b.image)
	if len(args) == 0 || args[0] == "" {
		return specError(errclass.Usage, ErrNoCommand, "command", "%w", ErrNoCommand)
	}
	for _, arg := range args {
		if strings.IndexByte(arg, 0) >= 0 {
			return optionError("command", "command: a NUL in %q", shorten(arg))
		}
	}
	if err := b.preflight(args[0]); err != nil {
		return err
	}
	if err := checkArgumentSize(args, b.g.Config.Process.Env); err != nil {
		return err
	}
	if b.opts.Init {
		args = append([]string{initPlace, "--"}, args...)
	}
	b.g.SetProcessArgs(args)
	return nil
}

// What the kernel takes of arguments and environment: each string, and all with
// a pointer to each, under a limit of the stack that every host has.
const (
	maxArgument  = 128<<10 - 1
	maxArguments = 2 << 20
)

// maxVariables bounds the environment: runtimes take the time of its square.
const maxVariables = 16 << 10

// checkArgumentSize finds what execve would refuse after the container exists.
func checkArgumentSize(args, env []string) error {
	total := 0
	for i, arg := range args {
		if len(arg) > maxArgument {
			return notExecutable(args[0], fmt.Errorf("argument %d has %d bytes, more than %d", i, len(arg), maxArgument))
		}
		total += len(arg) + 1 + 8
	}
	for _, entry := range env {
		if len(entry) > maxArgument {
			name, _, _ := strings.Cut(entry, "=")
			return notExecutable(args[0], fmt.Errorf("environment variable %s has %d bytes, more than %d", shorten(name), len(entry), maxArgument))
		}
		total += len(entry) + 1 + 8
	}
	if len(env) > maxVariables {
		return notExecutable(args[0], fmt.Errorf("%d environment variables, more than %d", len(env), maxVariables))
	}
	if total > maxArguments {
		return notExecutable(args[0], fmt.Errorf("%d bytes of arguments and environment, more than %d", total, maxArguments))
	}
	return nil
}

// cwd is the working directory that was asked for, or the image's.
func (b *builder) cwd() string {
	if b.opts.WorkDir != "" {
		return path.Clean(b.opts.WorkDir)
	}
	return path.Join("/", b.image.WorkingDir)
}

// workDir checks the working directory and notes to make it if it lacks. One in
// /proc could lead to a descriptor that somebody left open (CVE-2024-21626).
func (b *builder) workDir() error {
	cwd, asked := b.cwd(), b.opts.WorkDir != ""
	if !path.IsAbs(cwd) || strings.IndexByte(cwd, 0) >= 0 {
		return b.badWorkDir(cwd, errors.New("not an absolute path"))
	}
	b.g.SetProcessCwd(cwd)
	resolved, found, hidden, err := b.root.Resolve(cwd, func(p string) bool {
		return underKernelMount(p) || slices.ContainsFunc(b.binds, func(m specs.Mount) bool { return hides(m, p) })
	})
	if err != nil {
		return b.badWorkDir(cwd, reason(err))
	}
	switch {
	case within(resolved, "/proc") && resolved != "/proc":
		return b.badWorkDir(cwd, errors.New("inside /proc"))
	case hidden:
		return nil // the mount decides
	case !found && asked:
		return b.badWorkDir(cwd, errors.New("no such directory in the container"))
	case !found:
		b.makeCwd = cwd
		return nil
	}
	if info, err := b.root.Stat(resolved); err != nil || !info.IsDir() {
		return b.badWorkDir(cwd, rootdir.ErrNotDirectory)
	}
	return nil
}

func (b *builder) badWorkDir(cwd string, err error) error {
	if b.opts.WorkDir != "" {
		return specError(errclass.Usage, ErrWorkDir, "--workdir", "working directory %q: %w", shorten(cwd), err)
	}
	return specError(errclass.Verification, ErrWorkDir, "WorkingDir", "image: working directory %q: %w", shorten(cwd), err)
}

// FindInit gives the path of a small init for Options.InitPath, "" if the host
// has none. lookPath is true where PATH may be searched too.
func FindInit(lookPath bool) string {
	for _, name := range []string{"/usr/libexec/podman/catatonit", "/usr/lib/podman/catatonit", "/usr/bin/catatonit"} {
		if st, err := os.Stat(name); err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0 {
			return name
		}
	}
	if !lookPath {
		return ""
	}
	name, err := exec.LookPath("catatonit")
	if err != nil {
		return ""
	}
	return name
}
