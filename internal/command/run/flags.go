// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/limits"
	"github.com/tug-containers/tug/libexec"
)

// flags are the options of tug-run as they are typed; options makes sense of
// them. Names and meanings are podman's.
type flags struct {
	set *pflag.FlagSet
	// environ is our own environment, for -e NAME and --env-host.
	environ func() []string

	rm, replace, rootfs, quiet bool
	name, cidFile, pidFile     string
	pull                       string
	interactive, tty           bool
	preserveFDs                uint
	timeout, stopTimeout       uint
	stopSignal                 string
	labels, annotations        []string
	env, envFiles, unsetEnv    []string
	envHost, unsetEnvAll       bool
	volumes, mounts, tmpfs     []string
	volumesFrom                []string
	imageVolume                string
	workDir, user, entrypoint  string
	groups                     []string
	ipc, pid, uts              string
	net                        networks
	cgroupns, userns           string
	uidMaps, gidMaps           []string
	subUID, subGID             string
	hostname                   string
	capAdd, capDrop            []string
	securityOpts               []string
	privileged                 bool
	readOnly, readOnlyTmpfs    bool
	init                       bool
	ulimits, devices, sysctls  []string
	shmSize                    string
	limits                     limits.Flags
	oomScoreAdj                int
	umask, cgroupParent        string
	cgroups, cgroupManager     string
	cgroupConf                 []string
	refused                    []refusal
	live                       live
	create                     bool // it is tug-create, which starts nothing
	health                     health
	supervised                 supervised
}

// register adds the options to a command. What follows the image's name belongs
// to the container.
func (f *flags) register(cmd *cobra.Command) {
	s := cmd.Flags()
	f.set, f.environ = s, os.Environ
	s.SetInterspersed(false)
	s.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "net" {
			name = "network"
		}
		return pflag.NormalizedName(name)
	})
	s.Bool("help", false, "Print how the command is used") // -h is --hostname, as in podman
	f.registerContainer(s)
	f.registerProcess(s)
	f.registerFiles(s)
	f.registerPrivileges(s)
	f.registerNetworks(s)
	f.registerResources(s)
	f.registerLive(s)
	if !f.create {
		f.registerAttach(s)
		f.registerSupervised(s)
	}
	f.registerHealth(s)
	f.registerRefused(s)
}

func (f *flags) registerContainer(s *pflag.FlagSet) {
	s.BoolVar(&f.rm, "rm", false, "Remove the container when it has ended")
	s.StringVar(&f.name, "name", "", "`NAME` of the container (default: a generated one)")
	s.BoolVar(&f.replace, "replace", false, "Remove a container of the same name first, even if it runs")
	s.StringVar(&f.cidFile, "cidfile", "", "Write the container's ID to this new `FILE`")
	s.StringVar(&f.pidFile, "pidfile", "", "Write the process ID of the container's first process to this `FILE`")
	s.StringVar(&f.pull, "pull", "missing", "`WHEN` to pull the image: always, missing, newer, never")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "Print no progress of a pull")
	s.String("authfile", "", "For a pull: `FILE` with the credentials of the registry")
	s.String("creds", "", "For a pull: credentials for the registry, `USER[:PASSWORD]`")
	s.String("cert-dir", "", "For a pull: `DIR` with CA and client certificates for the registry")
	s.Bool("tls-verify", true, "For a pull: require HTTPS and a valid certificate of the registry (default: registries.conf, else true)")
	s.BoolVar(&f.rootfs, "rootfs", false, "The first argument is a directory to run, not an image; with :O after it, it stays as it is")
	s.StringArrayVarP(&f.labels, "label", "l", nil, "Label of the container, `NAME=VALUE`; can be repeated")
	s.StringArrayVar(&f.annotations, "annotation", nil, "Annotation for the runtime, `NAME=VALUE`; can be repeated")
	s.UintVar(&f.timeout, "timeout", 0, "End the container after this many `SECONDS`")
	s.StringVar(&f.stopSignal, "stop-signal", "", "`SIGNAL` that asks the container to end (default: the image's, else SIGTERM)")
	s.UintVar(&f.stopTimeout, "stop-timeout", 10, "`SECONDS` between that signal and SIGKILL")
}

func (f *flags) registerProcess(s *pflag.FlagSet) {
	s.BoolVarP(&f.interactive, "interactive", "i", false, "Hand over stdin")
	s.BoolVarP(&f.tty, "tty", "t", false, "Give the container a terminal")
	s.UintVar(&f.preserveFDs, "preserve-fds", 0, "Hand over this many descriptors from 3 on")
	s.StringArrayVarP(&f.env, "env", "e", nil, "Environment variable, `NAME=VALUE`, or NAME to take ours; can be repeated")
	s.StringArrayVar(&f.envFiles, "env-file", nil, "Read environment variables from a `FILE`; can be repeated")
	s.BoolVar(&f.envHost, "env-host", false, "Take over our whole environment")
	s.StringArrayVar(&f.unsetEnv, "unsetenv", nil, "Leave the variable `NAME` of the image out; can be repeated")
	s.BoolVar(&f.unsetEnvAll, "unsetenv-all", false, "Leave all variables of the image out, and the default ones")
	s.StringVarP(&f.workDir, "workdir", "w", "", "Working directory, a `PATH` in the container (default: the image's)")
	s.StringVarP(&f.user, "user", "u", "", "User, `NAME|UID[:GROUP|GID]` (default: the image's)")
	s.StringArrayVar(&f.groups, "group-add", nil, "Further `GROUP`, by name or number; can be repeated")
	s.StringVar(&f.entrypoint, "entrypoint", "", "Entrypoint, a `PATH` or a JSON array; empty for none (default: the image's)")
	s.BoolVar(&f.init, "init", false, "Run a small init as the first process")
	s.StringVar(&f.umask, "umask", "0022", "`UMASK` of the first process, in octal")
	s.IntVar(&f.oomScoreAdj, "oom-score-adj", 0, "How soon the kernel ends the container when memory runs out, -1000 to 1000")
}

func (f *flags) registerFiles(s *pflag.FlagSet) {
	s.StringArrayVarP(&f.volumes, "volume", "v", nil, "Mount a volume or a path of the host, `[SOURCE:]PLACE[:OPTION,...]`; can be repeated")
	s.StringArrayVar(&f.mounts, "mount", nil, "Mount, `KEY=VALUE,...`: type=bind|volume|tmpfs|image,source=...,target=...; can be repeated")
	s.StringArrayVar(&f.volumesFrom, "volumes-from", nil, "Mount what is mounted in another `CONTAINER[:OPTION,...]`; can be repeated")
	s.StringVar(&f.imageVolume, "image-volume", launch.ImageVolumesAnonymous, "`WHAT` becomes of the volumes that the image declares: anonymous, bind, ignore, tmpfs")
	s.StringArrayVar(&f.tmpfs, "tmpfs", nil, "Mount a tmpfs, `PLACE[:OPTION,...]`; can be repeated")
	s.BoolVar(&f.readOnly, "read-only", false, "Make the root file system read-only")
	s.BoolVar(&f.readOnlyTmpfs, "read-only-tmpfs", true, "With --read-only, mount a tmpfs on /run, /tmp and /var/tmp")
	s.StringArrayVar(&f.devices, "device", nil, "Device of the host, `SOURCE[:PLACE][:rwm]`; can be repeated")
	s.StringVar(&f.shmSize, "shm-size", "64m", "`SIZE` of /dev/shm")
}

func (f *flags) registerPrivileges(s *pflag.FlagSet) {
	s.StringVar(&f.ipc, "ipc", "private", "IPC namespace `MODE`: private, shareable, host, none, container:NAME, ns:PATH")
	s.StringVar(&f.pid, "pid", "private", "PID namespace `MODE`: private, host, container:NAME, ns:PATH")
	s.StringVar(&f.uts, "uts", "private", "UTS namespace `MODE`: private, host, container:NAME, ns:PATH")
	s.StringVar(&f.cgroupns, "cgroupns", "", "Cgroup namespace `MODE`: private, host, container:NAME, ns:PATH (default: private with cgroups of version 2, else host)")
	s.StringVar(&f.userns, "userns", "host", "User namespace `MODE`: host, auto[:OPTION,...], keep-id[:OPTION,...], nomap, container:NAME, ns:PATH")
	s.StringArrayVar(&f.uidMaps, "uidmap", nil, "Map users to the host's, `CONTAINER:HOST[:SIZE]`; can be repeated")
	s.StringArrayVar(&f.gidMaps, "gidmap", nil, "Map groups to the host's, `CONTAINER:HOST[:SIZE]`; can be repeated")
	s.StringVar(&f.subUID, "subuidname", "", "Map the ranges of this `USER` in /etc/subuid")
	s.StringVar(&f.subGID, "subgidname", "", "Map the ranges of this `USER` in /etc/subgid")
	s.StringVarP(&f.hostname, "hostname", "h", "", "Host `NAME` (default: from the container's ID)")
	s.StringArrayVar(&f.sysctls, "sysctl", nil, "Kernel parameter of the container's namespaces, `NAME=VALUE`; can be repeated")
	s.StringSliceVar(&f.capAdd, "cap-add", nil, "Add a `CAPABILITY`, or ALL; can be repeated")
	s.StringSliceVar(&f.capDrop, "cap-drop", nil, "Drop a `CAPABILITY`, or ALL; can be repeated")
	s.StringArrayVar(&f.securityOpts, "security-opt", nil, "Security `OPTION`: seccomp=, no-new-privileges, apparmor=, label=disable, mask=, unmask=, profile=strict; can be repeated")
	s.BoolVar(&f.privileged, "privileged", false, "Give all capabilities and devices, and lift seccomp and the masks")
}

func (f *flags) registerResources(s *pflag.FlagSet) {
	f.limits.Register(s, libexec.DefaultPids)
	s.StringArrayVar(&f.ulimits, "ulimit", nil, "Resource limit, `NAME=SOFT[:HARD]`, or host; can be repeated")
	s.StringVar(&f.cgroupParent, "cgroup-parent", "", "`CGROUP` under which the container's is made, with systemd a slice")
	s.StringVar(&f.cgroups, "cgroups", libexec.CgroupsEnabled, "`WHICH` cgroup the container gets: enabled (its own), disabled (none), split (one below ours)")
	s.StringVar(&f.cgroupManager, "cgroup-manager", "", "`WHO` makes it: cgroupfs or systemd (default: containers.conf, else cgroupfs)")
	s.StringArrayVar(&f.cgroupConf, "cgroup-conf", nil, "File of a cgroup of version 2 and what is written there, `NAME=VALUE`; can be repeated")
}
