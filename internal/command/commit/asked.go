// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"maps"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// asked lays over the configuration of an image what a container was asked for:
// as podman has it, the new image runs the same. With volumes, what was mounted into
// the container becomes a volume of the image.
func asked(config *v1.ImageConfig, info *libstorage.ContainerInfo, volumes bool) error {
	how, err := launch.ReadConfig(info)
	if err != nil {
		return err
	}
	o := &how.Exec
	if o.Entrypoint != nil {
		config.Entrypoint, config.Cmd = o.Entrypoint, nil
	}
	if len(o.Command) > 0 {
		config.Cmd = o.Command
	}
	if o.UnsetEnvAll {
		config.Env = nil
	}
	for _, entry := range slices.Concat(o.UnsetEnv, o.Env) {
		name, _, _ := strings.Cut(entry, "=")
		config.Env = slices.DeleteFunc(config.Env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
	}
	config.Env = append(config.Env, o.Env...)
	if o.WorkDir != "" {
		config.WorkingDir = o.WorkDir
	}
	if o.User != "" {
		config.User = o.User
	}
	if volumes {
		declare(config, &how)
	}
	if len(info.Record.Labels) > 0 {
		config.Labels = maps.Clone(info.Record.Labels) // those of the image are among them
	}
	return nil
}

func declare(config *v1.ImageConfig, how *launch.Config) {
	config.Volumes = maps.Clone(config.Volumes)
	if config.Volumes == nil {
		config.Volumes = map[string]struct{}{}
	}
	for _, v := range how.Volumes {
		config.Volumes[v.Destination] = struct{}{}
	}
	for _, m := range how.Exec.Mounts {
		config.Volumes[m.Destination] = struct{}{}
	}
}
