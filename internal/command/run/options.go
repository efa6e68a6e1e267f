// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/environment"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/limits"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// options makes sense of the command line: everything that can be refused
// without looking at an image is refused here, before anything is done.
func (f *flags) options(args []string) (launch.Options, error) {
	if err := f.refuse(); err != nil {
		return launch.Options{}, err
	}
	if len(args) == 0 || args[0] == "" {
		return launch.Options{}, cli.UsageError("", "no image given")
	}
	o := launch.Options{
		Name: f.name, Replace: f.replace, Remove: f.rm, CIDFile: f.cidFile, Pull: f.pull,
		Stdio: libexec.Stdio{Out: os.Stdout, Err: os.Stderr},
		Config: launch.Config{
			PIDFile:     f.pidFile,
			Interactive: f.interactive,
			Timeout:     time.Duration(f.timeout) * time.Second,
			StopTimeout: time.Duration(f.stopTimeout) * time.Second,
		},
	}
	if f.interactive {
		o.Stdio.In = os.Stdin
	}
	for _, step := range []func(*launch.Options, []string) error{
		f.container, f.process, f.mountsOf, f.namespaces, f.networks, f.privileges, f.resources, f.lives, f.checks, f.service,
	} {
		if err := step(&o, args); err != nil {
			return launch.Options{}, err
		}
	}
	if err := o.Exec.Check(); err != nil {
		return launch.Options{}, err
	}
	err := f.descriptors(&o)
	return o, err
}

// container reads what is about the container and its image.
func (f *flags) container(o *launch.Options, args []string) (err error) {
	switch f.pull {
	case launch.PullAlways, launch.PullMissing, launch.PullNewer, launch.PullNever:
	default:
		return cli.UsageError("--pull", "--pull %q: must be always, missing, newer or never", f.pull)
	}
	if f.set.Changed("name") {
		if err := libstorage.CheckName(f.name); err != nil {
			return err
		}
	}
	if f.replace && f.name == "" {
		return cli.UsageError("--replace", "--replace: needs --name")
	}
	if f.preserveFDs > maxDescriptors {
		return cli.UsageError("--preserve-fds", "--preserve-fds %d: too many", f.preserveFDs)
	}
	o.Image = args[0]
	if f.rootfs {
		o.Image = ""
		o.Rootfs, o.RootfsOverlay = strings.CutSuffix(args[0], ":O")
	}
	if f.stopSignal != "" {
		if o.StopSignal, err = libexec.ParseSignal(f.stopSignal); err != nil {
			return err
		}
	}
	if o.Labels, err = cli.ParsePairs("--label", f.labels, false); err != nil {
		return err
	}
	o.Exec.Annotations, err = cli.ParsePairs("--annotation", f.annotations, true)
	return err
}

// process reads what is about the first process.
func (f *flags) process(o *launch.Options, args []string) (err error) {
	e := &o.Exec
	e.Command, e.Terminal = args[1:], f.tty
	e.WorkDir, e.User = f.workDir, f.user
	for _, group := range f.groups {
		if e.KeepGroups = e.KeepGroups || group == "keep-groups"; group != "keep-groups" {
			e.Groups = append(e.Groups, group)
		}
	}
	if e.KeepGroups && len(e.Groups) > 0 {
		return cli.UsageError("--group-add", "--group-add: keep-groups and other groups exclude each other")
	}
	e.UnsetEnv, e.UnsetEnvAll, e.HostEnv = f.unsetEnv, f.unsetEnvAll, f.hostEnvironment()
	if e.Env, err = environment.Read(f.envFiles, f.env, f.environ); err != nil {
		return err
	}
	if f.set.Changed("entrypoint") {
		if e.Entrypoint, err = parseEntrypoint(f.entrypoint); err != nil {
			return err
		}
	}
	if e.Umask, err = parseUmask(f.umask); err != nil {
		return err
	}
	if f.set.Changed("oom-score-adj") {
		e.OOMScoreAdj = &f.oomScoreAdj
	}
	if f.init {
		if e.Init, e.InitPath = true, libexec.FindInit(true); e.InitPath == "" {
			return unsupported("--init", "--init: catatonit is not installed")
		}
	}
	return nil
}

func (f *flags) mountsOf(o *launch.Options, _ []string) error {
	all, err := f.filesystems()
	if err != nil {
		return err
	}
	o.Exec.Mounts, o.Volumes = all.mounts, all.volumes
	for _, value := range f.volumesFrom {
		from, err := parseVolumesFrom(value)
		if err != nil {
			return err
		}
		o.VolumesFrom = append(o.VolumesFrom, from)
	}
	if o.ImageVolumes, err = imageVolumes(f.imageVolume); err != nil {
		return err
	}
	for _, value := range f.devices {
		device, err := parseDevice(value)
		if err != nil {
			return err
		}
		o.Exec.Devices = append(o.Exec.Devices, device)
	}
	o.Exec.ReadOnly, o.Exec.NoReadOnlyTmpfs = f.readOnly, !f.readOnlyTmpfs
	o.Exec.ShmSize, err = limits.ParseSize("--shm-size", f.shmSize)
	return err
}

func (f *flags) namespaces(o *launch.Options, _ []string) (err error) {
	e := &o.Exec
	if e.IPC, err = parseNamespace("--ipc", f.ipc, "private", "host", "none", "shareable", container); err != nil {
		return err
	}
	if e.PID, err = parseNamespace("--pid", f.pid, "private", "host", container); err != nil {
		return err
	}
	if e.UTS, err = parseNamespace("--uts", f.uts, "private", "host", container); err != nil {
		return err
	}
	if f.cgroupns != "" {
		if e.Cgroup, err = parseNamespace("--cgroupns", f.cgroupns, "private", "host", container); err != nil {
			return err
		}
		e.CgroupPrivate = e.Cgroup.Mode == libexec.Private
	}
	if o.UserNS, err = f.userNamespace(); err != nil {
		return err
	}
	e.Hostname = f.hostname
	e.Sysctls, err = cli.ParsePairs("--sysctl", f.sysctls, true)
	return err
}

func (f *flags) privileges(o *launch.Options, _ []string) (err error) {
	o.Exec.CapAdd, o.Exec.CapDrop, o.Exec.Privileged = f.capAdd, f.capDrop, f.privileged
	o.Exec.Security, err = libexec.ParseSecurity(f.securityOpts)
	return err
}

func (f *flags) resources(o *launch.Options, _ []string) error {
	e := &o.Exec
	if err := f.limits.Apply(&e.Resources); err != nil {
		return err
	}
	e.CgroupParent, e.Cgroups, e.CgroupManager = f.cgroupParent, f.cgroups, f.cgroupManager
	if e.Cgroups == libexec.CgroupsEnabled {
		e.Cgroups = "" // as if it were not there
	}
	conf, err := cli.ParsePairs("--cgroup-conf", f.cgroupConf, true)
	if err != nil {
		return err
	}
	e.Resources.Unified = conf
	for _, value := range f.ulimits {
		if value == "host" {
			e.RlimitsHost = true
			continue
		}
		limit, err := parseUlimit(value)
		if err != nil {
			return err
		}
		e.Rlimits = append(e.Rlimits, limit)
	}
	return nil
}
