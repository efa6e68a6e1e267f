// SPDX-License-Identifier: Apache-2.0

// Package cp is the command tug-cp.
package cp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/rootdir"
	"github.com/tug-containers/tug/internal/treetar"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals   *cli.Globals
	archive   bool
	overwrite bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-cp [OPTION]... [CONTAINER:]SOURCE|- [CONTAINER:]DESTINATION|-",
		Short: "Copy files between containers and the host",
		Args:  cli.Usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], args[1], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	f := cmd.Flags()
	f.BoolVarP(&o.archive, "archive", "a", true, "Give the files to the user of the container, or to the caller on the host")
	f.BoolVar(&o.overwrite, "overwrite", false, "Replace a directory by something else, and the other way round")
	return cmd
}

// end is one side of a copy: a path of the host or of a container, or a stream.
type end struct {
	container, path string
	stream          bool
	root            *rootdir.Dir
	owner           treetar.Owner
	// ids are the container's, where its files show the host's.
	ids *idmap.Mapping
	// name is what the source is called in an archive.
	name string
	// beside opens the root of another end of the same container.
	beside func(other *end, use func() error) error
}

// parse reads CONTAINER:PATH. As for podman, what begins with / or . is a path
// of the host.
func parse(arg string) end {
	name, inside, ok := strings.Cut(arg, ":")
	switch {
	case arg == "-":
		return end{stream: true}
	case !ok || name == "" || strings.ContainsAny(name[:1], "/."):
		return end{path: arg}
	}
	return end{container: name, path: inside}
}

func (o *options) run(ctx context.Context, from, to string, stdin io.Reader, stdout io.Writer) (err error) {
	src, dst := parse(from), parse(to)
	if src.container == "" && dst.container == "" {
		return errclass.New(errclass.Usage, from, errors.New("one of the two must be CONTAINER:PATH"))
	}
	for _, e := range []end{src, dst} {
		if !e.stream && e.path == "" {
			return errclass.New(errclass.Usage, from, errors.New("an empty path"))
		}
	}
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	src.name = base(src.path)
	return o.within(ctx, store, &src, func() error {
		run := func() error { return o.copy(ctx, src, dst, stdin, stdout) }
		if src.container == dst.container && dst.container != "" {
			dst.owner, dst.ids = src.owner, src.ids
			return src.beside(&dst, run)
		}
		return o.within(ctx, store, &dst, run)
	})
}

// within opens the root of an end for the time of a call. That of a running
// container is what its first process sees, with all that is mounted there.
func (o *options) within(ctx context.Context, store *libstorage.Store, e *end, use func() error) error {
	if e.stream {
		return use()
	}
	if e.container == "" {
		e.owner = treetar.Owner{UID: os.Geteuid(), GID: os.Getegid()}
		return e.open("/", use)
	}
	return store.WithRootfs(ctx, e.container, func(info libstorage.ContainerInfo, dir string) error {
		user := ""
		if info.Record.ImageID != "" {
			config, err := store.Config(ctx, info.Record.ImageID)
			if err != nil {
				return err
			}
			user = config.Config.User
		}
		if who, err := libexec.ResolveUser(dir, user, nil); err == nil {
			e.owner = treetar.Owner{UID: int(who.UID), GID: int(who.GID)}
		}
		e.ids = info.Translate()
		e.beside = func(other *end, use func() error) error {
			if info.Record.State() == libstorage.Running {
				return other.openRunning(&info.Record, use)
			}
			return other.openStopped(ctx, store, &info, dir, use)
		}
		return e.beside(e, use)
	})
}

func (e *end) openRunning(r *libstorage.Record, use func() error) error {
	return e.open("/proc/"+strconv.Itoa(r.Pid)+"/root", func() error {
		// The number is still that process's: what was opened is its root.
		if r.State() != libstorage.Running {
			return errclass.New(errclass.Conflict, e.container, fmt.Errorf("container %s has just ended: try again", e.container))
		}
		return use()
	})
}

// openStopped opens the root file system, or the volume that the path is in.
func (e *end) openStopped(ctx context.Context, store *libstorage.Store, info *libstorage.ContainerInfo, dir string, use func() error) error {
	volume, rest, err := launch.Behind(ctx, store, info, e.path)
	if err != nil {
		return err
	}
	if volume != "" {
		dir = volume
		// What the end of a path says about directories is still said.
		if strings.HasSuffix(e.path, "/.") {
			rest += "/."
		} else if strings.HasSuffix(e.path, "/") || rest == "" {
			rest += "/"
		}
		e.path = rest
	}
	return e.open(dir, use)
}

func (e *end) open(dir string, use func() error) (err error) {
	if e.root, err = rootdir.Open(dir); err != nil {
		return err
	}
	defer e.root.Close()
	if e.container == "" && !path.IsAbs(e.path) {
		wd, err := os.Getwd()
		if err != nil {
			return err
		}
		e.path = wd + "/" + e.path
	}
	return use()
}

func (o *options) copy(ctx context.Context, src, dst end, stdin io.Reader, stdout io.Writer) error {
	if dst.stream {
		if _, err := src.root.Stat(src.path); err != nil {
			return missing(src.path, err)
		}
		return treetar.WriteOne(ctx, stdout, src.root, src.path, src.name, treetar.Options{IDs: src.ids})
	}
	opts := treetar.ExtractOptions{Overwrite: o.overwrite, IDs: dst.ids}
	if o.archive {
		opts.Owner = &dst.owner
	}
	if src.stream {
		info, err := dst.root.Stat(dst.path)
		if err == nil && !info.IsDir() {
			err = rootdir.ErrNotDirectory
		}
		if err != nil {
			return missing(dst.path, err)
		}
		return treetar.Extract(ctx, stdin, dst.root, dst.path, opts)
	}
	dir, name, err := target(src, dst)
	if err != nil {
		return err
	}
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		w.CloseWithError(treetar.WriteOne(ctx, w, src.root, src.path, name, treetar.Options{IDs: src.ids}))
	}()
	return treetar.Extract(ctx, r, dst.root, dir, opts)
}

func missing(name string, err error) error {
	class := errclass.Usage
	if errors.Is(err, fs.ErrNotExist) {
		class = errclass.NotFound
	}
	return errclass.New(class, name, err)
}

// base is how a path is called in an archive; "." for the content of a
// directory.
func base(name string) string {
	if strings.HasSuffix(name, "/.") || name == "." || path.Clean(name) == "/" {
		return "."
	}
	return path.Base(name)
}

// target says into which directory, and under which name, the source goes, by
// the rules of podman-cp(1).
func target(src, dst end) (dir, name string, err error) {
	from, err := src.root.Stat(src.path)
	if err != nil {
		return "", "", missing(src.path, err)
	}
	to, err := dst.root.Stat(dst.path)
	switch {
	case err == nil && to.IsDir():
		return dst.path, src.name, nil
	case err == nil && from.IsDir():
		return "", "", missing(dst.path, fmt.Errorf("%s: a directory cannot be copied onto a file", dst.path))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", "", missing(dst.path, err)
	case !from.IsDir() && strings.HasSuffix(dst.path, "/"):
		return "", "", missing(dst.path, fmt.Errorf("%s: %w", dst.path, fs.ErrNotExist))
	}
	dir, name = path.Split(path.Clean(dst.path))
	if _, err := dst.root.Stat(dir); err != nil {
		return "", "", missing(dir, err)
	}
	return dir, name, nil
}
