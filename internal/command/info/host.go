// SPDX-License-Identifier: Apache-2.0

package info

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/doctor"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

type host struct {
	Arch              string       `json:"arch"`
	CgroupControllers []string     `json:"cgroupControllers"`
	CgroupManager     string       `json:"cgroupManager"`
	CgroupsVersion    string       `json:"cgroupVersion"`
	CPUs              int          `json:"cpus"`
	Distribution      distribution `json:"distribution"`
	EventLogger       string       `json:"eventLogger"`
	Hostname          string       `json:"hostname"`
	IDMappings        idMappings   `json:"idMappings"`
	Kernel            string       `json:"kernel"`
	LogDriver         string       `json:"logDriver"`
	MemFree           uint64       `json:"memFree"`
	MemTotal          uint64       `json:"memTotal"`
	NetworkBackend    string       `json:"networkBackend"`
	OCIRuntime        *ociRuntime  `json:"ociRuntime"`
	OS                string       `json:"os"`
	Pasta             program      `json:"pasta"`
	RemoteSocket      socket       `json:"remoteSocket"`
	ServiceIsRemote   bool         `json:"serviceIsRemote"`
	Security          security     `json:"security"`
	SwapFree          uint64       `json:"swapFree"`
	SwapTotal         uint64       `json:"swapTotal"`
	Uptime            string       `json:"uptime"`
}

type distribution struct {
	Codename     string `json:"codename,omitempty"`
	Distribution string `json:"distribution"`
	Variant      string `json:"variant,omitempty"`
	Version      string `json:"version"`
}

type idMappings struct {
	GIDMap []idMap `json:"gidmap"`
	UIDMap []idMap `json:"uidmap"`
}

type idMap struct {
	ContainerID int `json:"container_id"`
	HostID      int `json:"host_id"`
	Size        int `json:"size"`
}

type ociRuntime struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Version string `json:"version"`
}

type program struct {
	Executable string `json:"executable"`
}

type socket struct {
	Exists bool `json:"exists"`
}

type security struct {
	AppArmorEnabled     bool   `json:"apparmorEnabled"`
	DefaultCapabilities string `json:"capabilities"`
	Rootless            bool   `json:"rootless"`
	SECCOMPEnabled      bool   `json:"seccompEnabled"`
	SELinuxEnabled      bool   `json:"selinuxEnabled"`
}

func hostFacts(ctx context.Context, s *libstorage.Store, name string) (h host, err error) {
	h = host{
		Arch: runtime.GOARCH, OS: runtime.GOOS, CPUs: runtime.NumCPU(), CgroupManager: "cgroupfs", EventLogger: "file",
		LogDriver: "k8s-file", NetworkBackend: "tug", Distribution: osRelease("/etc/os-release"), Pasta: program{doctor.LookPath(os.Getenv, "pasta")},
	}
	if h.Hostname, err = os.Hostname(); err != nil {
		return h, err
	}
	uids, gids := readMap("/proc/self/uid_map"), readMap("/proc/self/gid_map")
	if rootless := !slices.Equal(uids, []idMap{{0, 0, 1<<32 - 1}}); rootless {
		h.IDMappings, h.Security.Rootless = idMappings{GIDMap: gids, UIDMap: uids}, true
	}
	h.CgroupsVersion, h.CgroupControllers = doctor.Cgroups(!h.Security.Rootless)
	var uts unix.Utsname
	var info unix.Sysinfo_t
	if err := errors.Join(unix.Uname(&uts), unix.Sysinfo(&info)); err != nil {
		return h, fmt.Errorf("ask the kernel: %w", err)
	}
	h.Kernel = unix.ByteSliceToString(uts.Release[:])
	unit := uint64(info.Unit)
	h.MemTotal, h.MemFree, h.SwapTotal, h.SwapFree = info.Totalram*unit, info.Freeram*unit, info.Totalswap*unit, info.Freeswap*unit
	h.Uptime = (time.Duration(info.Uptime) * time.Second).String()
	h.Security.AppArmorEnabled = setting("/sys/module/apparmor/parameters/enabled") == "Y"
	h.Security.SELinuxEnabled = setting("/sys/fs/selinux/enforce") != ""
	h.Security.SECCOMPEnabled = setting("/proc/sys/kernel/seccomp/actions_avail") != ""
	h.Security.DefaultCapabilities = strings.Join(libexec.DefaultCapabilities(), ",")
	h.OCIRuntime, err = runtimeFacts(ctx, s, name)
	return h, err
}

// runtimeFacts are nil where there is no runtime that works.
func runtimeFacts(ctx context.Context, s *libstorage.Store, name string) (*ociRuntime, error) {
	config, err := libexec.ReadRuntimeConfig(launch.ConfigFiles())
	if err != nil {
		return nil, err
	}
	r, err := libexec.FindRuntime(ctx, libexec.RuntimeOptions{
		Name: name, Config: config, Path: os.Getenv("PATH"), Env: libexec.RuntimeEnv(os.Environ()),
		StateDir: filepath.Join(s.RunRoot(), "tug", "runtime"), ScratchDir: filepath.Join(s.Root(), "tug"),
	})
	if name == "" && (errors.Is(err, libexec.ErrRuntimeNotFound) || errors.Is(err, libexec.ErrRuntimeUnusable)) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return &ociRuntime{Name: r.Name, Path: r.Path, Version: r.Version(ctx)}, nil
}

// osRelease reads os-release(5).
func osRelease(file string) (d distribution) {
	d = distribution{Distribution: "unknown", Version: "unknown"}
	f, err := os.Open(file)
	if err != nil {
		return d
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			d.Distribution = value
		case "VERSION_ID":
			d.Version = value
		case "VERSION_CODENAME":
			d.Codename = value
		case "VARIANT_ID":
			d.Variant = value
		}
	}
	return d
}

func readMap(file string) []idMap {
	var all []idMap
	for line := range strings.Lines(setting(file) + "\n") {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		var m idMap
		for i, to := range []*int{&m.ContainerID, &m.HostID, &m.Size} {
			*to, _ = strconv.Atoi(fields[i]) // the kernel writes numbers
		}
		all = append(all, m)
	}
	return all
}

// setting is the content of a short file; "" without it.
func setting(file string) string {
	data, _ := os.ReadFile(file)
	return strings.TrimSpace(string(data))
}
