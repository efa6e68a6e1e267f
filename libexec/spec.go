// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"io/fs"
	"maps"
	"slices"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
)

// specVersion is the newest version that every supported runtime accepts.
const specVersion = "1.0.2"

// NewSpec makes the OCI configuration of a container from its root file system,
// which must be mounted at rootfs, the configuration of its image (nil for
// none), and what was asked for.
//
// Everything is checked before anything is done. What is done then: the
// generated files are written to opts.RunDir, a working directory that the
// image lacks is made, and the sources of mounts with Chown change their owner.
// The result can be written as a bundle's config.json as it is.
func NewSpec(rootfs string, image *v1.ImageConfig, opts Options) (*specs.Spec, error) {
	root, err := rootdir.Open(rootfs)
	if err != nil {
		return nil, specError(errclass.NotFound, ErrRootfs, rootfs, "root file system: %w", err)
	}
	defer root.Close()
	if image == nil {
		image = &v1.ImageConfig{}
	}
	b := &builder{root: root, image: image, opts: &opts, cgroups: thisHost()}
	if b.ids, err = idmap.Own(); err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		b.checkRoot, b.process, b.privileges, b.namespaces, b.mounts, b.devices, b.limits, b.command, b.workDir,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return b.g.Config, b.prepare()
}

// builder carries what the steps of NewSpec share.
type builder struct {
	root  *rootdir.Dir
	image *v1.ImageConfig
	opts  *Options
	g     generate.Generator
	// ids are those that there are here; nil for all.
	ids *idmap.Mapping
	// cgroups are what the host has of them.
	cgroups cgroupHost

	user     User
	hostname string
	binds    []specs.Mount // the mounts of the user, for cover
	makeCwd  string        // the working directory to make, if it lacks
	makeDirs []string      // directories to make for them
	files    []hostFile    // the files to generate
}

// note tells the caller what was done differently than asked.
func (b *builder) note(message string) {
	if b.opts.Debug != nil {
		b.opts.Debug(message)
	}
}

// checkRoot refuses a root file system in which a runtime would have to mount
// /proc, /sys and /dev over something that is not a plain directory: runtimes
// have followed links there (CVE-2023-27561, CVE-2025-31133).
func (b *builder) checkRoot() error {
	for _, name := range []string{"/proc", "/sys", "/dev"} {
		info, err := b.root.Lstat(name)
		if errIsNotExist(err) {
			continue // the runtime makes it
		}
		if err != nil {
			return specError(errclass.Verification, ErrRootfs, name, "%s in the container: %w", name, reason(err))
		}
		if !info.IsDir() {
			return specError(errclass.Verification, ErrRootfs, name, "%s in the container is %s, not a directory", name, kindOf(info.Mode))
		}
	}
	return nil
}

// kindOf says in words what a file is.
func kindOf(mode fs.FileMode) string {
	switch mode.Type() {
	case fs.ModeDir:
		return "a directory"
	case fs.ModeSymlink:
		return "a symbolic link"
	case fs.ModeNamedPipe:
		return "a FIFO"
	case fs.ModeSocket:
		return "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		return "a device"
	default:
		return "a file"
	}
}

// process resolves the user and sets what the first process starts with.
func (b *builder) process() error {
	spec := b.opts.User
	if spec == "" {
		spec = b.image.User
	}
	user, err := resolveUser(b.userFiles, spec, b.opts.Groups)
	if err != nil {
		return err
	}
	b.user = user
	if err := b.checkIDs(); err != nil {
		return err
	}
	if b.hostname, err = hostnameOf(b.opts); err != nil {
		return err
	}
	env, err := buildEnv(b.image, b.opts, user.Home, b.hostname)
	if err != nil {
		return err
	}
	umask := uint32(0o022)
	if b.opts.Umask != nil {
		umask = *b.opts.Umask
	}
	b.g = generate.NewFromSpec(&specs.Spec{
		Version: specVersion,
		Root:    &specs.Root{Path: b.root.Path(), Readonly: b.opts.readOnly()},
		Process: &specs.Process{
			Terminal: b.opts.Terminal,
			User:     specs.User{UID: user.UID, GID: user.GID, AdditionalGids: user.Groups, Umask: &umask},
			Env:      env, Cwd: "/", OOMScoreAdj: b.oomScore(),
		},
		Linux: &specs.Linux{Resources: &specs.LinuxResources{}},
	})
	if b.opts.Terminal && b.opts.ConsoleWidth > 0 && b.opts.ConsoleHeight > 0 {
		b.g.SetProcessConsoleSize(b.opts.ConsoleWidth, b.opts.ConsoleHeight)
	}
	return b.annotations()
}

// annotations are for the runtime. One of crun's would replace the profile by
// what is written there, behind the back of who reads the options for seccomp.
func (b *builder) annotations() error {
	if _, ok := b.opts.Annotations[filterAnnotation]; ok {
		return optionError("--annotation", "annotation %s: would replace the seccomp profile; --security-opt seccomp=FILE names another", filterAnnotation)
	}
	if b.opts.KeepGroups {
		b.g.AddAnnotation(keepGroupsAnnotation, "1")
	}
	for _, name := range slices.Sorted(maps.Keys(b.opts.Annotations)) {
		b.g.AddAnnotation(name, b.opts.Annotations[name])
	}
	return nil
}

// keepGroupsAnnotation has crun leave the groups as they are.
const keepGroupsAnnotation = "run.oci.keep_original_groups"

func (o *Options) readOnly() bool { return o.ReadOnly || o.Security.Strict }

// prepare does what was found to be needed, once nothing can be refused any
// more.
func (b *builder) prepare() error {
	rootUID, rootGID := b.opts.IDs.Root()
	uid, gid, _ := b.opts.IDs.Host(b.user.UID, b.user.GID)
	if err := writeHostFiles(b.files, int(rootUID), int(rootGID)); err != nil {
		return err
	}
	if err := b.opts.IDs.AsRoot(func() error { return b.makePlaces(int(rootUID), int(rootGID), int(uid), int(gid)) }); err != nil {
		return err
	}
	for _, m := range b.opts.Mounts {
		if !m.Chown {
			continue
		}
		if err := chownTree(m.Source, int(uid), int(gid)); err != nil {
			return mountError(m.Source, "volume %s: %w", m.Source, err)
		}
	}
	return nil
}

// makePlaces makes the directories that lack in the root file system.
func (b *builder) makePlaces(rootUID, rootGID, uid, gid int) error {
	for _, dir := range b.makeDirs {
		if err := b.root.MkdirAll(dir, 0o755, rootUID, rootGID); err != nil {
			return specError(errclass.Verification, ErrRootfs, dir, "%s in the container: %w", shorten(dir), reason(err))
		}
	}
	if b.makeCwd == "" {
		return nil
	}
	if err := b.root.MkdirAll(b.makeCwd, 0o755, uid, gid); err != nil {
		return specError(errclass.Verification, ErrRootfs, b.makeCwd, "working directory %s: %w", shorten(b.makeCwd), reason(err))
	}
	return nil
}
