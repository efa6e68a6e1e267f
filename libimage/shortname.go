// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"fmt"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// candidates gives the full names that a name may stand for, in the order in
// which they are tried: itself for a full one, the alias of registries.conf
// for a short one, else one for each unqualified-search registry.
//
// Nobody is ever asked. With short-name-mode "enforcing" a short name that is
// ambiguous is an error, as it is for podman without a terminal.
func candidates(sys *types.SystemContext, name string) ([]reference.Named, error) {
	named, err := parseNamed(name)
	if err != nil {
		return nil, err
	}
	if !isShort(name) {
		return finish(named)
	}
	mode, err := sysregistriesv2.GetShortNameMode(sys)
	if err != nil {
		return nil, configError(err)
	}
	repo, suffix := splitShort(name)
	alias, _, err := sysregistriesv2.ResolveShortNameAlias(sys, repo)
	if err != nil {
		return nil, configError(err)
	}
	if alias != nil {
		if named, err = parseNamed(alias.Name() + suffix); err != nil {
			return nil, err
		}
		return finish(named)
	}
	registries, err := sysregistriesv2.UnqualifiedSearchRegistries(sys)
	if err != nil {
		return nil, configError(err)
	}
	switch {
	case len(registries) == 0:
		return nil, fail(errclass.NotFound, name, "%s: %w: no alias, and no unqualified-search registries in %s",
			name, ErrShortName, sysregistriesv2.ConfigurationSourceDescription(sys))
	case len(registries) > 1 && mode == types.ShortNameModeEnforcing:
		return nil, fail(errclass.NotFound, name, "%s: %w: it could be in %s, and short-name-mode is enforcing: give the full name",
			name, ErrShortName, strings.Join(registries, ", "))
	}
	var all []reference.Named
	for _, registry := range registries {
		named, err := parseNamed(registry + "/" + name)
		if err != nil {
			return nil, err
		}
		done, err := finish(named)
		if err != nil {
			return nil, err
		}
		all = append(all, done...)
	}
	return all, nil
}

// isShort tells a name without a registry: its first component has no dot and
// no port, and is not localhost.
func isShort(name string) bool {
	first, _, found := strings.Cut(name, "/")
	return !found || (!strings.ContainsAny(first, ".:") && first != "localhost")
}

// splitShort splits off the tag and the digest.
func splitShort(name string) (repo, suffix string) {
	slash := strings.LastIndex(name, "/") + 1
	if i := strings.IndexAny(name[slash:], ":@"); i >= 0 {
		return name[:slash+i], name[slash+i:]
	}
	return name, ""
}

func finish(named reference.Named) ([]reference.Named, error) {
	named, err := withoutTag(named)
	if err != nil {
		return nil, invalid(named.String(), err)
	}
	return []reference.Named{reference.TagNameOnly(named)}, nil
}

// blocked tells a name that registries.conf forbids, before anyone is asked.
func blocked(sys *types.SystemContext, named reference.Named) error {
	registry, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil {
		return configError(err)
	}
	if registry != nil && registry.Blocked {
		return fail(errclass.Auth, named.String(), "%s: %w (%s)", named, ErrBlocked, registry.Prefix)
	}
	return nil
}

func configError(err error) error {
	return errclass.New(errclass.Usage, "registries.conf", fmt.Errorf("registries.conf: %w", err))
}
