// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"time"

	"github.com/tug-containers/tug/internal/life"
)

// containerData is a container as podman shows it. Templates can use its
// fields. What this version has nothing for is empty: networks, pods, labels of
// SELinux.
type containerData struct {
	ID              string         `json:"Id"`
	Created         time.Time      `json:"Created"`
	Path            string         `json:"Path"`
	Args            []string       `json:"Args"`
	State           containerState `json:"State"`
	Image           string         `json:"Image"`
	ImageDigest     string         `json:"ImageDigest"`
	ImageName       string         `json:"ImageName"`
	Rootfs          string         `json:"Rootfs"`
	Pod             string         `json:"Pod"`
	ResolvConfPath  string         `json:"ResolvConfPath"`
	HostnamePath    string         `json:"HostnamePath"`
	HostsPath       string         `json:"HostsPath"`
	StaticDir       string         `json:"StaticDir"`
	OCIConfigPath   string         `json:"OCIConfigPath,omitempty"`
	OCIRuntime      string         `json:"OCIRuntime"`
	PidFile         string         `json:"PidFile"`
	Name            string         `json:"Name"`
	RestartCount    int            `json:"RestartCount"`
	Driver          string         `json:"Driver"`
	MountLabel      string         `json:"MountLabel"`
	ProcessLabel    string         `json:"ProcessLabel"`
	AppArmorProfile string         `json:"AppArmorProfile"`
	// EffectiveCaps and BoundingCaps are known from the start on.
	EffectiveCaps   []string        `json:"EffectiveCaps"`
	BoundingCaps    []string        `json:"BoundingCaps"`
	ExecIDs         []string        `json:"ExecIDs"`
	GraphDriver     driverData      `json:"GraphDriver"`
	SizeRw          *int64          `json:"SizeRw,omitempty"`
	SizeRootFs      *int64          `json:"SizeRootFs,omitempty"`
	Mounts          []mount         `json:"Mounts"`
	Dependencies    []string        `json:"Dependencies"`
	NetworkSettings networkSettings `json:"NetworkSettings"`
	Namespace       string          `json:"Namespace"`
	IsInfra         bool            `json:"IsInfra"`
	IsService       bool            `json:"IsService"`
	Config          containerConfig `json:"Config"`
	HostConfig      hostConfig      `json:"HostConfig"`
}

// Field has podman's other name for ID.
func (d *containerData) Field(name string) (any, bool, error) { return d.ID, name == "Id", nil }

type containerState struct {
	OciVersion string `json:"OciVersion"`
	Status     string `json:"Status"`
	Running    bool   `json:"Running"`
	Paused     bool   `json:"Paused"`
	Restarting bool   `json:"Restarting"`
	OOMKilled  bool   `json:"OOMKilled"`
	Dead       bool   `json:"Dead"`
	Pid        int    `json:"Pid"`
	// ConmonPid is podman's name for the monitor's.
	ConmonPid int `json:"ConmonPid,omitempty"`
	// ExitCode is null when it has ended and nobody knows how.
	ExitCode   *int      `json:"ExitCode"`
	Error      string    `json:"Error"`
	StartedAt  time.Time `json:"StartedAt"`
	FinishedAt time.Time `json:"FinishedAt"`
	Health     health    `json:"Health"`
	CgroupPath string    `json:"CgroupPath,omitempty"`
}

// Field has the name that older versions of podman have for Health, and words
// for a code that nobody knows.
func (s containerState) Field(name string) (any, bool, error) {
	switch {
	case name == "Healthcheck":
		return s.Health, true, nil
	case name == "ExitCode" && s.ExitCode == nil:
		return "unknown", true, nil
	}
	return nil, false, nil
}

type health struct {
	Status        string      `json:"Status"`
	FailingStreak int         `json:"FailingStreak"`
	Log           []healthRun `json:"Log"`
}

// healthRun is one run of a health check.
type healthRun struct {
	Start    time.Time `json:"Start"`
	End      time.Time `json:"End"`
	ExitCode int       `json:"ExitCode"`
	Output   string    `json:"Output"`
}

func healthOf(h *life.Health) health {
	if h == nil {
		return health{}
	}
	shown := health{Status: h.Status, FailingStreak: h.FailingStreak}
	for _, check := range h.Log {
		shown.Log = append(shown.Log, healthRun(check))
	}
	return shown
}

type mount struct {
	Type        string   `json:"Type"`
	Name        string   `json:"Name,omitempty"`
	Source      string   `json:"Source"`
	Destination string   `json:"Destination"`
	Driver      string   `json:"Driver"`
	Mode        string   `json:"Mode"`
	Options     []string `json:"Options"`
	RW          bool     `json:"RW"`
	Propagation string   `json:"Propagation"`
}

// networkSettings are what a container has on its networks; endpoint is that of the
// first one.
type networkSettings struct {
	endpoint
	Ports      map[string][]hostPort       `json:"Ports"`
	SandboxKey string                      `json:"SandboxKey"`
	Networks   map[string]*networkEndpoint `json:"Networks,omitempty"`
}

type endpoint struct {
	EndpointID          string `json:"EndpointID"`
	Gateway             string `json:"Gateway"`
	IPAddress           string `json:"IPAddress"`
	IPPrefixLen         int    `json:"IPPrefixLen"`
	IPv6Gateway         string `json:"IPv6Gateway"`
	GlobalIPv6Address   string `json:"GlobalIPv6Address"`
	GlobalIPv6PrefixLen int    `json:"GlobalIPv6PrefixLen"`
	MacAddress          string `json:"MacAddress"`
}

type networkEndpoint struct {
	endpoint
	NetworkID string   `json:"NetworkID"`
	Aliases   []string `json:"Aliases,omitempty"`
}

// hostPort is a port of the host.
type hostPort struct {
	HostIP   string `json:"HostIp"`
	HostPort string `json:"HostPort"`
}

type containerConfig struct {
	Hostname           string              `json:"Hostname"`
	Domainname         string              `json:"Domainname"`
	User               string              `json:"User"`
	AttachStdin        bool                `json:"AttachStdin"`
	AttachStdout       bool                `json:"AttachStdout"`
	AttachStderr       bool                `json:"AttachStderr"`
	Tty                bool                `json:"Tty"`
	OpenStdin          bool                `json:"OpenStdin"`
	StdinOnce          bool                `json:"StdinOnce"`
	Env                []string            `json:"Env"`
	Cmd                []string            `json:"Cmd"`
	Image              string              `json:"Image"`
	Volumes            map[string]struct{} `json:"Volumes"`
	WorkingDir         string              `json:"WorkingDir"`
	Entrypoint         []string            `json:"Entrypoint"`
	Labels             map[string]string   `json:"Labels"`
	Annotations        map[string]string   `json:"Annotations"`
	StopSignal         string              `json:"StopSignal"`
	Healthcheck        *healthCheck        `json:"Healthcheck,omitempty"`
	StartupHealthCheck *startupCheck       `json:"StartupHealthCheck,omitempty"`
	// HealthcheckOnFailureAction is none, kill, restart or stop.
	HealthcheckOnFailureAction string   `json:"HealthcheckOnFailureAction,omitempty"`
	Umask                      string   `json:"Umask"`
	Timeout                    uint     `json:"Timeout"`
	CreateCommand              []string `json:"CreateCommand,omitempty"`
	StopTimeout                uint     `json:"StopTimeout"`
}

type hostConfig struct {
	Binds             []string              `json:"Binds"`
	ContainerIDFile   string                `json:"ContainerIDFile"`
	LogConfig         logConfig             `json:"LogConfig"`
	NetworkMode       string                `json:"NetworkMode"`
	PortBindings      map[string][]hostPort `json:"PortBindings"`
	RestartPolicy     restartPolicy         `json:"RestartPolicy"`
	AutoRemove        bool                  `json:"AutoRemove"`
	CapAdd            []string              `json:"CapAdd"`
	CapDrop           []string              `json:"CapDrop"`
	ExtraHosts        []string              `json:"ExtraHosts"`
	GroupAdd          []string              `json:"GroupAdd"`
	IpcMode           string                `json:"IpcMode"`
	OomScoreAdj       int                   `json:"OomScoreAdj"`
	PidMode           string                `json:"PidMode"`
	CgroupMode        string                `json:"CgroupMode"`
	Privileged        bool                  `json:"Privileged"`
	ReadonlyRootfs    bool                  `json:"ReadonlyRootfs"`
	Tmpfs             map[string]string     `json:"Tmpfs"`
	UTSMode           string                `json:"UTSMode"`
	UsernsMode        string                `json:"UsernsMode"`
	ShmSize           int64                 `json:"ShmSize"`
	Runtime           string                `json:"Runtime"`
	CPUShares         uint64                `json:"CpuShares"`
	Memory            int64                 `json:"Memory"`
	NanoCpus          int64                 `json:"NanoCpus"`
	CgroupParent      string                `json:"CgroupParent"`
	CgroupManager     string                `json:"CgroupManager"`
	Cgroups           string                `json:"Cgroups"`
	CpusetCpus        string                `json:"CpusetCpus"`
	CpusetMems        string                `json:"CpusetMems"`
	Devices           []device              `json:"Devices"`
	MemoryReservation int64                 `json:"MemoryReservation"`
	MemorySwap        int64                 `json:"MemorySwap"`
	PidsLimit         int64                 `json:"PidsLimit"`
	CpuPeriod         uint64                `json:"CpuPeriod"`
	CpuQuota          int64                 `json:"CpuQuota"`
	CpuRealtimePeriod uint64                `json:"CpuRealtimePeriod"`
	CpuRealtimeRun    int64                 `json:"CpuRealtimeRuntime"`
	BlkioWeight       uint16                `json:"BlkioWeight"`
	BlkioWeightDevice []deviceRate          `json:"BlkioWeightDevice"`
	ReadBps           []deviceRate          `json:"BlkioDeviceReadBps"`
	WriteBps          []deviceRate          `json:"BlkioDeviceWriteBps"`
	ReadIOps          []deviceRate          `json:"BlkioDeviceReadIOps"`
	WriteIOps         []deviceRate          `json:"BlkioDeviceWriteIOps"`
	MemorySwappiness  int64                 `json:"MemorySwappiness"`
	OomKillDisable    bool                  `json:"OomKillDisable"`
	Ulimits           []ulimit              `json:"Ulimits"`
	Init              bool                  `json:"Init,omitempty"`
	Sysctls           map[string]string     `json:"Sysctls,omitempty"`
}

type logConfig struct {
	Type   string            `json:"Type"`
	Config map[string]string `json:"Config"`
	Path   string            `json:"Path"`
	Tag    string            `json:"Tag"`
	Size   string            `json:"Size"`
}

type restartPolicy struct {
	Name              string `json:"Name"`
	MaximumRetryCount int    `json:"MaximumRetryCount"`
}

type device struct {
	PathOnHost        string `json:"PathOnHost"`
	PathInContainer   string `json:"PathInContainer"`
	CgroupPermissions string `json:"CgroupPermissions"`
}

type ulimit struct {
	Name string `json:"Name"`
	Soft int64  `json:"Soft"`
	Hard int64  `json:"Hard"`
}

// deviceRate is a weight or a rate of a disk.
type deviceRate struct {
	Path string `json:"Path"`
	Rate uint64 `json:"Rate"`
}
