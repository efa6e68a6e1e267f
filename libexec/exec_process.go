// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"slices"
	"strconv"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
)

// ExecProcess is what can be asked of a further process of a container. What is
// not asked for is as with the container's first process.
type ExecProcess struct {
	Args []string
	// Env are entries NAME=VALUE over the container's.
	Env []string
	// WorkDir is a directory of the container.
	WorkDir string
	// User is NAME|UID[:GROUP|GID], by the files of the container as it is now.
	User string
	// Privileged gives all capabilities that we may give, to root at once and to
	// others by set-id programs.
	Privileged bool
	// Terminal asks for a pseudo terminal.
	Terminal bool
	// ConsoleWidth and ConsoleHeight are its first size, when known.
	ConsoleWidth, ConsoleHeight uint
}

// NewExecProcess makes the OCI process of a further process, from the first one
// in the container's config.json. rootfs is where the container's root file
// system can be seen; it is needed for a User only.
func NewExecProcess(first *specs.Process, rootfs string, o ExecProcess) (*specs.Process, error) {
	if o.User == "" {
		return newExecProcess(first, nil, &o)
	}
	root, err := rootdir.Open(rootfs)
	if err != nil {
		return nil, specError(errclass.NotFound, ErrRootfs, rootfs, "root file system: %w", err)
	}
	defer root.Close()
	return newExecProcess(first, root, &o)
}

func newExecProcess(first *specs.Process, root *rootdir.Dir, o *ExecProcess) (*specs.Process, error) {
	if len(o.Args) == 0 || o.Args[0] == "" {
		return nil, specError(errclass.Usage, ErrNoCommand, "command", "no command given")
	}
	for _, arg := range o.Args {
		if strings.IndexByte(arg, 0) >= 0 {
			return nil, optionError("command", "command: a NUL in %q", shorten(arg))
		}
	}
	p := *first
	p.Args, p.CommandLine, p.Terminal, p.ConsoleSize = o.Args, "", o.Terminal, nil
	if o.Terminal && o.ConsoleWidth > 0 && o.ConsoleHeight > 0 {
		p.ConsoleSize = &specs.Box{Width: o.ConsoleWidth, Height: o.ConsoleHeight}
	}
	if o.WorkDir != "" {
		p.Cwd = o.WorkDir
	}
	home := ""
	if o.User != "" {
		var err error
		if home, err = execUser(&p, root, o.User); err != nil {
			return nil, err
		}
	}
	if err := execEnv(&p, o, home); err != nil {
		return nil, err
	}
	p.Capabilities = execCapabilities(first, p.User.UID, p.User.GID, o.Privileged)
	p.Rlimits = slices.Clone(first.Rlimits)
	ids, err := idmap.Own()
	if err != nil {
		return nil, err
	}
	for i := range p.Rlimits {
		clampRlimit(&p.Rlimits[i], ids)
	}
	return &p, checkArgumentSize(p.Args, p.Env)
}

// execUser makes p the process of another user, and gives its home directory
// where that differs from what the container's own user has.
func execUser(p *specs.Process, root *rootdir.Dir, spec string) (home string, err error) {
	files := userFilesIn(root)
	user, err := resolveUser(files, spec, nil)
	if err != nil {
		return "", err
	}
	before := p.User
	groups := user.Groups
	if user.UID == before.UID && user.GID == before.GID && !strings.Contains(spec, ":") {
		// The container's user by another name keeps the groups it was given.
		for _, gid := range before.AdditionalGids {
			if !slices.Contains(groups, gid) {
				groups = append(groups, gid)
			}
		}
	}
	p.User = specs.User{UID: user.UID, GID: user.GID, AdditionalGids: groups, Umask: before.Umask}
	// A HOME that somebody chose stays; one that was made from the user does not.
	owner, err := resolveUser(files, strconv.FormatUint(uint64(before.UID), 10), nil)
	if err == nil && slices.Contains(p.Env, "HOME="+owner.Home) {
		home = user.Home
	}
	return home, nil
}

func execEnv(p *specs.Process, o *ExecProcess, home string) error {
	for _, entry := range o.Env {
		if !validEnv(entry) {
			return optionError("environment", "environment: %q is not NAME=VALUE", shorten(entry))
		}
	}
	env := newEnvironment(len(p.Env) + len(o.Env) + 2)
	if o.Terminal {
		env.set("TERM=xterm")
	}
	for _, entry := range p.Env {
		env.set(entry)
	}
	if home != "" {
		env.set("HOME=" + home)
	}
	for _, entry := range o.Env {
		env.set(entry)
	}
	p.Env = env.entries
	return nil
}

// execCapabilities are the container's: for root what may be had at all, for its
// own user what that has, for any other none. Inheritable and ambient ones are
// there only where they were given to the container's own user.
func execCapabilities(first *specs.Process, uid, gid uint32, privileged bool) *specs.LinuxCapabilities {
	has := first.Capabilities
	if has == nil {
		has = &specs.LinuxCapabilities{}
	}
	sets := &specs.LinuxCapabilities{Bounding: has.Bounding}
	if privileged {
		sets.Bounding = boundingSet()
	}
	switch {
	case uid == 0:
		sets.Effective, sets.Permitted = sets.Bounding, sets.Bounding
	case uid == first.User.UID && gid == first.User.GID:
		sets.Effective, sets.Permitted = has.Effective, has.Permitted
		sets.Inheritable, sets.Ambient = has.Inheritable, has.Ambient
	}
	return sets
}

// clampRlimit lowers a limit to what this process may set now.
func clampRlimit(limit *specs.POSIXRlimit, ids *idmap.Mapping) {
	number, known := rlimitNumber(strings.ToLower(strings.TrimPrefix(limit.Type, "RLIMIT_")))
	if !known {
		return
	}
	if highest, err := highestRlimit(number, ids); err == nil {
		limit.Hard, limit.Soft = min(limit.Hard, highest), min(limit.Soft, highest)
	}
}

// execPreflight looks whether a process can be executed in the container whose
// root file system is root, as NewSpec does for the first one.
func execPreflight(root *rootdir.Dir, p *specs.Process) error {
	b := &builder{
		root: root, image: &v1.ImageConfig{}, opts: &Options{WorkDir: p.Cwd},
		g: generate.NewFromSpec(&specs.Spec{Process: &specs.Process{Env: p.Env}}),
	}
	if err := b.workDir(); err != nil {
		return err
	}
	p.Cwd = b.g.Config.Process.Cwd
	return b.preflight(p.Args[0])
}
