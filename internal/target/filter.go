// SPDX-License-Identifier: Apache-2.0

package target

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libstorage"
)

// Filter chooses containers as podman's --filter does. Terms with one key are
// alternatives, but labels, which must all be there; those with different keys
// must all hold.
type Filter struct {
	terms map[string][]term
}

// term tells whether a container is meant. What it cannot find out, it denies.
type term func(c *libstorage.ContainerInfo, around *surroundings) (bool, error)

// surroundings are what a term is about beside the container.
type surroundings struct {
	ctx   context.Context
	store *libstorage.Store
}

// ParseFilter reads the values of --filter, KEY=VALUE each. An error is a usage
// error.
func ParseFilter(values []string) (*Filter, error) {
	f := &Filter{terms: map[string][]term{}}
	for _, value := range values {
		key, want, ok := strings.Cut(value, "=")
		var t term
		err := errors.New("must be KEY=VALUE")
		if ok {
			t, err = parseTerm(key, want)
		}
		if err != nil {
			return nil, errclass.New(errclass.Usage, "--filter", fmt.Errorf("--filter %q: %w", value, err))
		}
		f.terms[key] = append(f.terms[key], t)
	}
	return f, nil
}

// Select gives those of a list that are meant. An error is about what a term
// names: a container, an image.
func (f *Filter) Select(ctx context.Context, store *libstorage.Store, list []libstorage.ContainerInfo) ([]libstorage.ContainerInfo, error) {
	around := &surroundings{ctx, store}
	var meant []libstorage.ContainerInfo
	for i := range list {
		ok, err := f.matches(&list[i], around)
		if err != nil {
			return nil, err
		}
		if ok {
			meant = append(meant, list[i])
		}
	}
	return meant, nil
}

func (f *Filter) matches(c *libstorage.ContainerInfo, around *surroundings) (bool, error) {
	for key, terms := range f.terms {
		every := key == "label" || key == "label!"
		found := every
		for _, t := range terms {
			ok, err := t(c, around)
			if err != nil {
				return false, err
			}
			if found = ok; ok != every {
				break
			}
		}
		if !found {
			return false, nil
		}
	}
	return true, nil
}

const filterKeys = "ancestor, before, exited, health, id, label, label!, name, restart-policy, since, status, until, volume"

func parseTerm(key, want string) (term, error) {
	switch key {
	case "id":
		return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
			return strings.HasPrefix(c.Record.ID, strings.ToLower(want)), nil
		}, nil
	case "name":
		re, err := regexp.Compile(want)
		if err != nil {
			return nil, err
		}
		return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
			return re.MatchString(c.Record.Name), nil
		}, nil
	case "label":
		return labelTerm(want), nil
	case "label!":
		has := labelTerm(want)
		return func(c *libstorage.ContainerInfo, s *surroundings) (bool, error) {
			ok, err := has(c, s)
			return !ok, err
		}, nil
	case "status":
		return statusTerm(want)
	case "exited":
		code, err := strconv.Atoi(want)
		if err != nil || code < 0 || code > 255 {
			return nil, errors.New("must be an exit code")
		}
		return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
			return c.Record.ExitCode != nil && *c.Record.ExitCode == code, nil
		}, nil
	case "until":
		until, err := cli.ParseTime(want, time.Now())
		if err != nil {
			return nil, errors.New("must be a time or a duration")
		}
		return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
			return c.Record.Created.Before(until), nil
		}, nil
	case "before":
		return relativeTerm(want, func(c, other time.Time) bool { return c.Before(other) }), nil
	case "since":
		return relativeTerm(want, func(c, other time.Time) bool { return c.After(other) }), nil
	case "ancestor":
		return ancestorTerm(want), nil
	case "health":
		return healthTerm(want)
	case "volume", "restart-policy":
		return configTerm(key, want), nil
	}
	return nil, errors.New("not a filter: must be one of " + filterKeys)
}

func labelTerm(want string) term {
	key, value, valued := strings.Cut(want, "=")
	return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
		got, ok := c.Record.Labels[key]
		return ok && (!valued || got == value), nil
	}
}

func statusTerm(want string) (term, error) {
	if !status.Word(want) {
		return nil, errors.New("not a state: must be created, running, paused, exited, stopped or unknown")
	}
	return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) { return status.Of(c).Is(want), nil }, nil
}

func relativeTerm(name string, keep func(c, other time.Time) bool) term {
	var other time.Time
	return func(c *libstorage.ContainerInfo, s *surroundings) (bool, error) {
		if other.IsZero() {
			found, err := s.store.Container(s.ctx, name)
			if err == nil {
				err = found.Err
			}
			if err != nil {
				return false, err
			}
			other = found.Record.Created
		}
		return keep(c.Record.Created, other), nil
	}
}

// ancestorTerm takes an image, or a part of its name or ID.
func ancestorTerm(want string) term {
	var image *libstorage.Image
	return func(c *libstorage.ContainerInfo, s *surroundings) (bool, error) {
		if image == nil {
			found, err := s.store.Image(s.ctx, want)
			if err != nil && !errors.Is(err, libstorage.ErrImageUnknown) {
				return false, err
			}
			image = &found // none: the name that the container was made with decides
		}
		r := &c.Record
		if r.ImageID == "" {
			return false, nil
		}
		name, _, _ := strings.Cut(r.ImageName, "@")
		return r.ImageID == image.ID || want != "" && strings.HasPrefix(r.ImageID, strings.TrimPrefix(want, "sha256:")) || name == want, nil
	}
}

func healthTerm(want string) (term, error) {
	if !slices.Contains([]string{"starting", "healthy", "unhealthy", "none"}, want) {
		return nil, errors.New("must be starting, healthy, unhealthy or none")
	}
	return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
		health, err := c.Health()
		if err != nil || c.Err != nil {
			return false, nil
		}
		if health == nil {
			return want == "none", nil
		}
		return health.Status == want, nil
	}, nil
}

// configTerm is about how the container was asked for.
func configTerm(key, want string) term {
	return func(c *libstorage.ContainerInfo, _ *surroundings) (bool, error) {
		config, err := launch.ReadConfig(c)
		if err != nil {
			return false, nil
		}
		if key == "restart-policy" {
			return config.Restart.Policy == want || config.Restart.Policy == "" && want == monitor.RestartNo, nil
		}
		for _, m := range config.Exec.Mounts {
			if m.Source == want || m.Destination == want {
				return true, nil
			}
		}
		for _, v := range config.Volumes {
			if v.Destination == want {
				return true, nil
			}
		}
		return slices.Contains(c.Record.Volumes, want), nil
	}
}
