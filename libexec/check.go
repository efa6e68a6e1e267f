// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/generate"

	"github.com/tug-containers/tug/internal/idmap"
)

// Check refuses what NewSpec would refuse whatever the image: a caller does
// that first, before it makes anything.
func (o Options) Check() error {
	o.Debug = nil
	b := &builder{opts: &o, image: &v1.ImageConfig{}, cgroups: thisHost(), g: generate.NewFromSpec(&specs.Spec{
		Process: &specs.Process{}, Linux: &specs.Linux{Resources: &specs.LinuxResources{}},
	})}
	var err error
	if b.ids, err = idmap.Own(); err != nil {
		return err
	}
	if s := o.Security.Seccomp; s == "" {
		o.Security.Seccomp = "unconfined" // ours is fine
	}
	for _, step := range []func() error{
		b.checkUser, b.checkEnv, b.privileges, b.namespaces, b.checkMounts, b.devices, b.limits, b.checkHosts, b.annotations,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) checkUser() (err error) {
	name, group, hasGroup := strings.Cut(b.opts.User, ":")
	if err := checkPrincipals(b.opts.User, name, group, hasGroup, b.opts.Groups); err != nil {
		return err
	}
	b.hostname, err = hostnameOf(b.opts)
	return err
}

func (b *builder) checkEnv() error {
	_, err := buildEnv(b.image, b.opts, "/", "")
	return err
}

func (b *builder) checkMounts() error {
	for _, m := range b.opts.Mounts {
		if _, err := specMount(m); err != nil {
			return err
		}
	}
	return nil
}
