// SPDX-License-Identifier: Apache-2.0

package target

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// Filter chooses containers as podman's --filter does: terms with one key are
// alternatives, but labels, which must all be there; those with different keys
// must all hold.
type Filter struct{ terms []term }

type term struct {
	key  string
	keep keep
}

// keep tells whether a container is meant.
type keep func(s *search, c *candidate) (bool, error)

// search is what the terms look into beside the container.
type search struct {
	ctx        context.Context
	containers containers
	images     func(context.Context) (*libstorage.Store, error)
	lineage    *libstorage.Lineage
}

// containers finds the one that a term names.
type containers interface {
	Container(ctx context.Context, nameOrID string) (libstorage.ContainerInfo, error)
}

// candidate is a container. What is asked of it more than once is kept.
type candidate struct {
	info   *libstorage.ContainerInfo
	status *status.Status
	asked  *launch.Config
}

func (c *candidate) now() *status.Status {
	if c.status == nil {
		s := status.Of(c.info)
		c.status = &s
	}
	return c.status
}

// config is how the container was asked for; empty when nobody knows.
func (c *candidate) config() *launch.Config {
	if c.asked == nil {
		config, err := launch.ReadConfig(c.info)
		if err != nil {
			config = launch.Config{}
		}
		c.asked = &config
	}
	return c.asked
}

// ParseFilter reads the values of --filter, KEY=VALUE each. An error is a usage
// error.
func ParseFilter(args []string) (*Filter, error) {
	f := &Filter{}
	now := time.Now()
	byKey := map[string]int{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usage(arg, "must be KEY=VALUE")
		}
		keep, err := parseTerm(arg, key, value, now)
		if err != nil {
			return nil, err
		}
		i, again := byKey[key]
		if !again || key == "label" || key == "label!" {
			byKey[key] = len(f.terms)
			f.terms = append(f.terms, term{key, keep})
			continue
		}
		before := f.terms[i].keep
		f.terms[i].keep = func(s *search, c *candidate) (bool, error) {
			if ok, err := before(s, c); ok || err != nil {
				return ok, err
			}
			return keep(s, c)
		}
	}
	return f, nil
}

// Has tells whether the filter has a term with that key.
func (f *Filter) Has(key string) bool {
	return slices.ContainsFunc(f.terms, func(t term) bool { return t.key == key })
}

// Select gives those of a list that are meant; images is called when a term is
// about an image. An error is about what a term names.
func (f *Filter) Select(ctx context.Context, all containers, images func(context.Context) (*libstorage.Store, error), list []libstorage.ContainerInfo) ([]libstorage.ContainerInfo, error) {
	if len(f.terms) == 0 {
		return list, nil
	}
	s := &search{ctx: ctx, containers: all, images: images}
	var meant []libstorage.ContainerInfo
	for i := range list {
		ok, err := f.matches(s, &candidate{info: &list[i]})
		if err != nil {
			return nil, err
		}
		if ok {
			meant = append(meant, list[i])
		}
	}
	return meant, nil
}

func (f *Filter) matches(s *search, c *candidate) (bool, error) {
	for _, t := range f.terms {
		if ok, err := t.keep(s, c); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// on makes a filter of what cannot fail.
func on(meant func(c *candidate) bool) keep {
	return func(_ *search, c *candidate) (bool, error) { return meant(c), nil }
}

func parseTerm(arg, key, value string, now time.Time) (keep, error) {
	switch key {
	case "label", "label!":
		name, want, valued := strings.Cut(value, "=")
		return on(func(c *candidate) bool {
			got, ok := c.info.Record.Labels[name]
			return (ok && (!valued || got == want)) == (key == "label")
		}), nil
	case "status":
		if !status.Word(value) {
			return nil, usage(arg, "must be created, running, paused, exited, stopped or unknown")
		}
		return on(func(c *candidate) bool { return c.now().Is(value) }), nil
	case "exited":
		code, err := strconv.Atoi(value)
		if err != nil {
			return nil, usage(arg, "must be a number")
		}
		return on(func(c *candidate) bool { return c.now().Code != nil && *c.now().Code == code }), nil
	case "health":
		switch value {
		case "healthy", "unhealthy", "starting", "none":
		default:
			return nil, usage(arg, "must be healthy, unhealthy, starting or none")
		}
		return on(func(c *candidate) bool { return c.now().Health == value || c.now().Health == "" && value == "none" }), nil
	case "restart-policy":
		return on(func(c *candidate) bool { return c.restartPolicy() == value }), nil
	case "network":
		return on(func(c *candidate) bool { return slices.Contains(Networks(c.config()), value) }), nil
	case "pod":
		return on(func(*candidate) bool { return false }), nil // there are none
	case "volume":
		return on(func(c *candidate) bool { return c.hasVolume(value) }), nil
	case "ancestor":
		return ancestor(value), nil
	case "before", "since":
		return relative(key, value), nil
	case "until":
		until, err := cli.ParseTime(value, now)
		if err != nil {
			return nil, usage(arg, "must be a time or a duration")
		}
		return on(func(c *candidate) bool { return c.info.Record.Created.Before(until) }), nil
	}
	return pattern(arg, key, value)
}

// pattern are the filters by a regular expression.
func pattern(arg, key, value string) (keep, error) {
	var text func(*libstorage.Record) string
	switch key {
	case "id":
		text = func(rec *libstorage.Record) string { return rec.ID }
	case "name":
		text = func(rec *libstorage.Record) string { return rec.Name }
	case "command":
		text = func(rec *libstorage.Record) string { return strings.Join(rec.Command, " ") }
	default:
		return nil, usage(arg, "not a filter: must be ancestor, before, command, exited, health, id, label, name, network, pod, restart-policy, since, status, until or volume")
	}
	expr := value
	if key == "id" && isHex(value) {
		expr = "^" + value
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, usage(arg, "not a regular expression")
	}
	return on(func(c *candidate) bool { return re.MatchString(text(&c.info.Record)) }), nil
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// relative compares the age with that of another container.
func relative(key, name string) keep {
	var other *libstorage.ContainerInfo
	return func(s *search, c *candidate) (bool, error) {
		if other == nil {
			found, err := s.containers.Container(s.ctx, name)
			if err != nil {
				return false, err
			}
			other = &found
		}
		if key == "before" {
			return c.info.Record.Created.Before(other.Record.Created), nil
		}
		return c.info.Record.Created.After(other.Record.Created), nil
	}
}

// ancestor matches the image by its name, with its tag or without, by its ID,
// and by any image that it was made from.
func ancestor(value string) keep {
	var image string
	looked := false
	return func(s *search, c *candidate) (bool, error) {
		rec := &c.info.Record
		if rec.ImageID == "" {
			return false, nil
		}
		repository, tag, _ := libstorage.SplitName(rec.ImageName)
		if rec.ImageName == value || tag == "latest" && repository == value ||
			len(value) >= 12 && strings.HasPrefix(rec.ImageID, strings.TrimPrefix(value, "sha256:")) {
			return true, nil
		}
		store, err := s.images(s.ctx)
		if err != nil {
			return false, err
		}
		if !looked {
			looked = true
			// One that is not there any more may be a container's nevertheless.
			if found, err := store.Image(s.ctx, value); err == nil {
				image = found.ID
			}
		}
		if image == "" || image == rec.ImageID {
			return image != "", nil
		}
		if s.lineage == nil {
			lineage, err := store.Lineage(s.ctx)
			if err != nil {
				return false, err
			}
			s.lineage = lineage
		}
		for id := rec.ImageID; id != ""; {
			if id = s.lineage.Parent(id); id == image {
				return true, nil
			}
		}
		return false, nil
	}
}

func (c *candidate) restartPolicy() string {
	if policy := c.config().Restart.Policy; policy != "" {
		return policy
	}
	return "no"
}

// hasVolume looks for the name of a volume, or a path on either side of a
// mount.
func (c *candidate) hasVolume(value string) bool {
	config := c.config()
	is := func(parts ...string) bool {
		for _, part := range parts {
			if part != "" && (part == value || path.IsAbs(part) && path.IsAbs(value) && path.Clean(part) == path.Clean(value)) {
				return true
			}
		}
		return false
	}
	for _, m := range config.Exec.Mounts {
		if is(m.Source, m.Destination) {
			return true
		}
	}
	for _, v := range config.Volumes {
		if is(v.Overlay, v.Image, v.Destination) {
			return true
		}
	}
	return is(c.info.Record.Volumes...)
}

// Networks are the networks that a container is on, by name, or a word for what is
// none.
func Networks(config *launch.Config) []string {
	switch mode := config.Exec.Network.Mode; {
	case len(config.Networks) > 0:
		return launch.NetworkNames(config)
	case config.NetworkOf != "":
		return []string{"container"}
	case mode == libexec.HostMode, mode == libexec.PathMode:
		return []string{string(mode)}
	}
	return []string{"none"}
}

func usage(arg, why string) error {
	return errclass.New(errclass.Usage, "--filter", fmt.Errorf("--filter %q: %s", arg, why))
}
