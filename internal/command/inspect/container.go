// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

// subject is a container, and what is read to show it.
type subject struct {
	store  *libstorage.Store
	info   *libstorage.ContainerInfo
	asked  launch.Config
	image  v1.ImageConfig
	digest string
	spec   specs.Spec // empty when there is none now
}

// inspectContainer gathers everything, without a lock; it fails for a container
// that is damaged.
func inspectContainer(ctx context.Context, s *libstorage.Store, info *libstorage.ContainerInfo, size bool) (*containerData, error) {
	if info.Err != nil {
		return nil, info.Err
	}
	asked, err := launch.ReadConfig(info)
	if err != nil {
		return nil, err
	}
	c := subject{store: s, info: info, asked: asked}
	c.readImage(ctx)
	c.readSpec()
	d := c.data()
	if d.State, err = c.state(); err != nil {
		return nil, err
	}
	if d.Mounts, err = c.mounts(ctx); err != nil {
		return nil, err
	}
	d.Config, d.HostConfig = c.config(), c.hostConfig(d.Mounts)
	if size {
		changed, whole, err := s.ContainerSize(ctx, info)
		if err != nil {
			return nil, err
		}
		d.SizeRw, d.SizeRootFs = &changed, &whole
	}
	return d, nil
}

// readImage reads what the container has from its image. That of one that is
// damaged, or was removed by force, is not shown.
func (c *subject) readImage(ctx context.Context) {
	id := c.info.Record.ImageID
	if id == "" {
		return
	}
	if img, err := c.store.Image(ctx, id); err == nil {
		c.digest = img.Digest.String()
	}
	if cfg, err := c.store.Config(ctx, id); err == nil {
		c.image = cfg.Config
	}
}

// specLimit is the size of the largest config.json that is read.
const specLimit = 4 << 20

// readSpec reads what the runtime was given, which is there from the start of a
// container until it has ended.
func (c *subject) readSpec() {
	f, err := os.OpenFile(filepath.Join(c.info.RunDir, "config.json"), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if data, err := io.ReadAll(io.LimitReader(f, specLimit)); err == nil && json.Unmarshal(data, &c.spec) != nil {
		c.spec = specs.Spec{}
	}
}

func (c *subject) data() *containerData {
	r := &c.info.Record
	d := &containerData{
		ID: r.ID, Created: r.Created, Name: r.Name, Image: r.ImageID, ImageDigest: c.digest, ImageName: r.ImageName, Rootfs: r.Rootfs,
		StaticDir: c.info.Dir, OCIRuntime: filepath.Base(r.Runtime), PidFile: filepath.Join(c.info.RunDir, libstorage.PidFile),
		RestartCount: c.info.Restarts, Driver: r.Driver,
		EffectiveCaps: []string{}, BoundingCaps: []string{}, ExecIDs: launch.Sessions(c.info), Args: []string{},
		Dependencies: list0(c.asked.Requires), GraphDriver: c.driver(),
		NetworkSettings: c.networks(),
	}
	if command := c.command(); len(command) > 0 {
		d.Path, d.Args = command[0], list0(command[1:])
	}
	if c.spec.Version != "" {
		d.OCIConfigPath = filepath.Join(c.info.RunDir, "config.json")
	}
	for _, m := range c.spec.Mounts {
		switch m.Destination {
		case "/etc/resolv.conf":
			d.ResolvConfPath = m.Source
		case "/etc/hostname":
			d.HostnamePath = m.Source
		case "/etc/hosts":
			d.HostsPath = m.Source
		}
	}
	if p := c.spec.Process; p != nil {
		d.AppArmorProfile, d.ProcessLabel = p.ApparmorProfile, p.SelinuxLabel
		if p.Capabilities != nil {
			d.EffectiveCaps, d.BoundingCaps = list0(p.Capabilities.Effective), list0(p.Capabilities.Bounding)
		}
	}
	if c.spec.Linux != nil {
		d.MountLabel = c.spec.Linux.MountLabel
	}
	return d
}

// command is the one that runs, or else the one that will.
func (c *subject) command() []string {
	if command := c.info.Record.Command; len(command) > 0 {
		return command
	}
	entrypoint, command := c.entrypoint()
	return append(append([]string{}, entrypoint...), command...)
}

func (c *subject) entrypoint() (entrypoint, command []string) {
	entrypoint, command = c.image.Entrypoint, c.image.Cmd
	if c.asked.Exec.Entrypoint != nil {
		entrypoint, command = c.asked.Exec.Entrypoint, nil
	}
	if len(c.asked.Exec.Command) > 0 {
		command = c.asked.Exec.Command
	}
	return entrypoint, command
}

func (c *subject) driver() driverData {
	r := &c.info.Record
	d := driverData{Name: r.Driver, Data: map[string]string{}}
	if r.Driver != "overlay" {
		return d
	}
	lower := make([]string, len(r.Layers))
	for i, layer := range r.Layers {
		if lower[i] = layer; !filepath.IsAbs(layer) {
			lower[i] = filepath.Join(c.store.Root(), layer)
		}
	}
	d.Data["LowerDir"] = strings.Join(lower, ":")
	d.Data["UpperDir"] = filepath.Join(c.info.Dir, "upper")
	d.Data["WorkDir"] = filepath.Join(c.info.Dir, "work")
	if c.spec.Root != nil {
		d.Data["MergedDir"] = c.spec.Root.Path
	}
	return d
}

func (c *subject) state() (containerState, error) {
	r, s := &c.info.Record, status.Of(c.info)
	state := containerState{
		OciVersion: c.spec.Version, Status: s.State, Running: s.State == status.Running, Paused: s.State == status.Paused,
		OOMKilled: r.OOMKilled, ExitCode: s.Code, Error: r.Error, StartedAt: s.Started, FinishedAt: s.Finished,
	}
	if s.Lives() {
		state.Pid = r.Pid
		if c.spec.Linux != nil {
			state.CgroupPath = c.spec.Linux.CgroupsPath
		}
	}
	if !s.Ended() && state.ExitCode == nil {
		state.ExitCode = new(int) // podman's, of what has not ended
	}
	if c.info.Monitored() {
		state.ConmonPid = c.info.Monitor
		_, err := os.Lstat(filepath.Join(c.info.RunDir, monitor.StopFile))
		state.Restarting = s.Ended() && c.restart() != monitor.RestartNo && errors.Is(err, os.ErrNotExist)
	}
	h, err := c.info.Health()
	state.Health = healthOf(h)
	return state, err
}

func (c *subject) restart() string {
	if policy := c.asked.Restart.Policy; policy != "" {
		return policy
	}
	return monitor.RestartNo
}
