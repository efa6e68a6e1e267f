// SPDX-License-Identifier: Apache-2.0

package libexec

import "github.com/tug-containers/tug/internal/idmap"

// Options is all that can be asked of a container. The zero value is a
// container of its own in every respect that a user would expect: private
// namespaces, a network namespace with nothing but a loopback device, the
// default capabilities and seccomp profile.
type Options struct {
	// ID and Name are the container's; both are in its /etc/hosts and cgroup
	// path, so ID must be unique on the host.
	ID   string `json:"id,omitzero"`
	Name string `json:"name,omitzero"`
	// RunDir is a directory of the caller, outside the root file system, for
	// the files that are generated for this container and mounted into it. It
	// must live as long as the container. Empty: none are generated.
	RunDir string `json:"runDir,omitzero"`

	// Entrypoint replaces the image's when it is not nil, and then the image's
	// command is dropped too, as podman and docker do.
	Entrypoint []string `json:"entrypoint,omitzero"`
	// Command replaces the image's command when it is not empty.
	Command []string `json:"command,omitzero"`
	// HostEnv, the image's environment and Env are joined in this order, each
	// entry NAME=VALUE; later ones win. Nothing else comes from our own
	// environment.
	HostEnv []string `json:"hostEnv,omitzero"`
	Env     []string `json:"env,omitzero"`
	// UnsetEnv are names that are removed from the image's and the default
	// environment.
	UnsetEnv []string `json:"unsetEnv,omitzero"`
	// UnsetEnvAll removes all of it; only Env remains.
	UnsetEnvAll bool `json:"unsetEnvAll,omitzero"`
	// WorkDir replaces the image's working directory. Empty: the image's.
	WorkDir string `json:"workDir,omitzero"`
	// User is NAME|UID[:GROUP|GID]. Empty: the image's, else root.
	User string `json:"user,omitzero"`
	// Groups are further groups by name or number.
	Groups []string `json:"groups,omitzero"`
	// KeepGroups leaves the process in the groups that we are in. crun alone can.
	KeepGroups bool `json:"keepGroups,omitzero"`
	// Umask of the first process. Nil: 0022.
	Umask *uint32 `json:"umask,omitzero"`
	// Terminal asks for a pseudo terminal.
	Terminal bool `json:"terminal,omitzero"`
	// ConsoleWidth and ConsoleHeight are the terminal's first size, when known.
	ConsoleWidth  uint     `json:"consoleWidth,omitzero"`
	ConsoleHeight uint     `json:"consoleHeight,omitzero"`
	Rlimits       []Rlimit `json:"rlimits,omitzero"`
	// RlimitsHost leaves every rlimit as it is here.
	RlimitsHost bool `json:"rlimitsHost,omitzero"`
	OOMScoreAdj *int `json:"oomScoreAdj,omitzero"`
	// Init runs a small init as the first process; InitPath is the host's
	// static binary for it.
	Init     bool   `json:"init,omitzero"`
	InitPath string `json:"initPath,omitzero"`

	// CapAdd and CapDrop change the default capabilities; ALL is allowed.
	CapAdd  []string `json:"capAdd,omitzero"`
	CapDrop []string `json:"capDrop,omitzero"`
	// Privileged gives all capabilities and devices and lifts seccomp and the
	// masked paths.
	Privileged bool     `json:"privileged,omitzero"`
	Security   Security `json:"security,omitzero"`

	// ReadOnly mounts the root file system read-only; /run, /tmp and /var/tmp
	// are then a tmpfs, unless NoReadOnlyTmpfs.
	ReadOnly        bool    `json:"readOnly,omitzero"`
	NoReadOnlyTmpfs bool    `json:"noReadOnlyTmpfs,omitzero"`
	Mounts          []Mount `json:"mounts,omitzero"`
	// ShmPath is a directory that becomes /dev/shm, instead of a new one.
	ShmPath string `json:"-"`
	// ShmSize is the size of /dev/shm in bytes. 0: 64 MB.
	ShmSize int64    `json:"shmSize,omitzero"`
	Devices []Device `json:"devices,omitzero"`

	// IDs are those of the container's user namespace, which is made, or is the one
	// at UserPath; nil: it has none of its own. Root file system and mounts must show
	// the host's ids for them.
	IDs      *idmap.Mapping `json:"-"`
	UserPath string         `json:"-"`

	Network Namespace `json:"network,omitzero"`
	// OwnNetwork says that the namespace at Network.Path was made for this container
	// alone.
	OwnNetwork bool      `json:"-"`
	IPC        Namespace `json:"ipc,omitzero"`
	PID        Namespace `json:"pid,omitzero"`
	UTS        Namespace `json:"uts,omitzero"`
	Cgroup     Namespace `json:"cgroup,omitzero"`
	// CgroupPrivate asks for a cgroup namespace of its own with version 1 too.
	CgroupPrivate bool `json:"cgroupPrivate,omitzero"`
	// Hostname of a private UTS namespace. Empty: the host's on its network,
	// else the first 12 digits of ID.
	Hostname string `json:"hostname,omitzero"`
	// SharedHostname is the hostname of a UTS namespace that is joined.
	SharedHostname string `json:"-"`
	// ExtraHosts are lines of /etc/hosts; the address HostGateway is that of the host.
	ExtraHosts []Host `json:"extraHosts,omitzero"`
	// HostAddress is where the container reaches the host; empty: it does not.
	HostAddress string `json:"-"`
	// Addresses are the container's own, in /etc/hosts beside its names; empty for
	// 127.0.0.1.
	Addresses []string `json:"-"`
	// NoHosts and NoHostname leave /etc/hosts and /etc/hostname as the image has
	// them.
	NoHosts    bool `json:"noHosts,omitzero"`
	NoHostname bool `json:"noHostname,omitzero"`
	DNS        DNS  `json:"dns,omitzero"`
	// HostsFrom is the RunDir of another container, whose /etc/hosts and
	// /etc/resolv.conf this one has, as it has its network.
	HostsFrom string `json:"-"`
	// Sysctls are set in the container's own namespaces.
	Sysctls map[string]string `json:"sysctls,omitzero"`

	Resources Resources `json:"resources,omitzero"`
	// Cgroups is CgroupsEnabled, CgroupsDisabled or CgroupsSplit; empty is the
	// first. CgroupManager is ManagerCgroupfs or ManagerSystemd; empty is the
	// first. The runtime must be told too: see Runtime.ForCgroups.
	Cgroups       string `json:"cgroups,omitzero"`
	CgroupManager string `json:"cgroupManager,omitzero"`
	// CgroupParent is the cgroup under which the container's is made, with
	// systemd a slice. Empty: the uppermost that there may be.
	CgroupParent string `json:"cgroupParent,omitzero"`

	Annotations map[string]string `json:"annotations,omitzero"`

	// Debug, when not nil, hears of what was done differently than asked but
	// is no error: a limit clamped to the host's.
	Debug func(message string) `json:"-"`
}

// Mode is how a container's namespace is made.
type Mode string

// The modes of a namespace.
const (
	// Private is a new namespace; the default.
	Private Mode = ""
	// HostMode is the caller's own.
	HostMode Mode = "host"
	// PathMode joins the namespace at a path.
	PathMode Mode = "ns"
	// NoneMode is for IPC (private and without /dev/shm) and for the network
	// (private, with a loopback device alone).
	NoneMode Mode = "none"
	// ContainerMode, with the name of a container as Path, and ShareableMode, for
	// IPC, are for callers that know containers: they turn the one into PathMode and
	// the other into Private, with ShmPath, before there is a spec.
	ContainerMode Mode = "container"
	ShareableMode Mode = "shareable"
)

// Namespace says which namespace a container gets.
type Namespace struct {
	Mode Mode   `json:"mode,omitzero"`
	Path string `json:"path,omitzero"`
}

// Mount is a mount that was asked for.
type Mount struct {
	// Type is "bind" or "tmpfs".
	Type string `json:"type,omitzero"`
	// Source is a path on the host, for bind.
	Source string `json:"source,omitzero"`
	// Destination is a path in the container.
	Destination string `json:"destination,omitzero"`
	// Options are those of a closed list; anything else is ErrMount.
	Options []string `json:"options,omitzero"`
	// Chown gives the source tree to the container's user before the start.
	Chown bool `json:"chown,omitzero"`
	// IDMap says that the caller has to mount Source with the container's ids first,
	// and name that mount here.
	IDMap bool `json:"idmap,omitzero"`
}

// Device is a device of the host that the container may use.
type Device struct {
	// Source is the node's path on the host, or a directory of nodes.
	Source string `json:"source,omitzero"`
	// Destination is its path in the container. Empty: as Source.
	Destination string `json:"destination,omitzero"`
	// Access is a combination of r, w and m. Empty: rwm.
	Access string `json:"access,omitzero"`
}

// Rlimit is a resource limit of the first process.
type Rlimit struct {
	// Name is that of ulimit options: nofile, nproc, core.
	Name string `json:"name,omitzero"`
	// Soft and Hard may be RlimitUnlimited.
	Soft uint64 `json:"soft,omitzero"`
	Hard uint64 `json:"hard,omitzero"`
}

// RlimitUnlimited is no limit.
const RlimitUnlimited = ^uint64(0)

// Host is a line of /etc/hosts.
type Host struct {
	Name    string `json:"name,omitzero"`
	Address string `json:"address,omitzero"`
}

// HostGateway is the address of an ExtraHost that stands for Options.HostAddress.
const HostGateway = "host-gateway"

// DNS is /etc/resolv.conf; what is empty is as on the host.
type DNS struct {
	Servers []string `json:"servers,omitzero"`
	// Search are the domains; "." alone for none. First are looked through before
	// them, or those of the host.
	Search  []string `json:"search,omitzero"`
	First   []string `json:"first,omitzero"`
	Options []string `json:"options,omitzero"`
}

// Resources are limits of the container's cgroup. A limit that the host cannot
// apply is an error.
type Resources struct {
	// Memory in bytes; 0: none.
	Memory int64 `json:"memory,omitzero"`
	// MemorySwap is memory and swap together. 0: twice Memory where the host
	// counts swap; -1: none.
	MemorySwap int64 `json:"memorySwap,omitzero"`
	// MemoryReservation in bytes; 0: none.
	MemoryReservation int64 `json:"memoryReservation,omitzero"`
	// CPUs is a number of processors, 0.5 for half of one; 0: no limit.
	CPUs float64 `json:"cpus,omitzero"`
	// CPUShares is a relative weight; 0: the host's default.
	CPUShares uint64 `json:"cpuShares,omitzero"`
	// CpusetCPUs and CpusetMems are lists as in 0-2,5.
	CpusetCPUs string `json:"cpusetCPUs,omitzero"`
	CpusetMems string `json:"cpusetMems,omitzero"`
	// CPUPeriod and CPUQuota are microseconds: so much of each period, instead of
	// CPUs. CPURealtimePeriod and CPURealtimeRuntime are the same for processes
	// of that class. 0: none.
	CPUPeriod          uint64 `json:"cpuPeriod,omitzero"`
	CPUQuota           int64  `json:"cpuQuota,omitzero"`
	CPURealtimePeriod  uint64 `json:"cpuRealtimePeriod,omitzero"`
	CPURealtimeRuntime int64  `json:"cpuRealtimeRuntime,omitzero"`
	// MemorySwappiness is 0 to 100; nil: the host's.
	MemorySwappiness *uint64 `json:"memorySwappiness,omitempty"`
	// OOMKillDisable lets processes wait for memory instead of killing one.
	OOMKillDisable bool `json:"oomKillDisable,omitzero"`
	// BlkioWeight is a relative weight, 10 to 1000; 0: the host's default.
	BlkioWeight uint16 `json:"blkioWeight,omitzero"`
	// BlkioWeightDevice are weights for single devices, the others their rates
	// per second.
	BlkioWeightDevice []DeviceRate `json:"blkioWeightDevice,omitzero"`
	ReadBps           []DeviceRate `json:"readBps,omitzero"`
	WriteBps          []DeviceRate `json:"writeBps,omitzero"`
	ReadIOps          []DeviceRate `json:"readIOps,omitzero"`
	WriteIOps         []DeviceRate `json:"writeIOps,omitzero"`
	// Unified are files of a cgroup of version 2 and what is written to them.
	Unified map[string]string `json:"unified,omitzero"`
	// Pids is the largest number of processes. 0: DefaultPids; -1: no limit.
	Pids int64 `json:"pids,omitzero"`
}

// DeviceRate is a number for a block device, whose node Path is.
type DeviceRate struct {
	Path string `json:"path"`
	Rate uint64 `json:"rate"`
}

// DefaultPids is the limit of processes unless another is asked for.
const DefaultPids = 2048
