// SPDX-License-Identifier: Apache-2.0

package ps

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libstorage"
)

// filter tells whether a container is shown.
type filter struct {
	key  string
	keep func(l *listing, r *row) (bool, error)
}

// parseFilters reads --filter KEY=VALUE. Filters of one key are alternatives,
// as podman has it, but for labels; those of different keys all hold.
func parseFilters(args []string, now time.Time) ([]filter, error) {
	var all []filter
	byKey := map[string]int{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usage(arg, "must be KEY=VALUE")
		}
		keep, err := parseFilter(arg, key, value, now)
		if err != nil {
			return nil, err
		}
		i, again := byKey[key]
		if !again || key == "label" || key == "label!" {
			byKey[key] = len(all)
			all = append(all, filter{key, keep})
			continue
		}
		before := all[i].keep
		all[i].keep = func(l *listing, r *row) (bool, error) {
			if ok, err := before(l, r); ok || err != nil {
				return ok, err
			}
			return keep(l, r)
		}
	}
	return all, nil
}

// on makes a filter of what cannot fail.
func on(keep func(r *row) bool) func(*listing, *row) (bool, error) {
	return func(_ *listing, r *row) (bool, error) { return keep(r), nil }
}

func parseFilter(arg, key, value string, now time.Time) (func(*listing, *row) (bool, error), error) {
	switch key {
	case "label", "label!":
		name, want, valued := strings.Cut(value, "=")
		return on(func(r *row) bool {
			got, ok := r.info.Record.Labels[name]
			return (ok && (!valued || got == want)) == (key == "label")
		}), nil
	case "status":
		if !status.Word(value) {
			return nil, usage(arg, "must be created, running, paused, exited, stopped or unknown")
		}
		return on(func(r *row) bool { return r.status.Is(value) }), nil
	case "exited":
		code, err := strconv.Atoi(value)
		if err != nil {
			return nil, usage(arg, "must be a number")
		}
		return on(func(r *row) bool { return r.status.Code != nil && *r.status.Code == code }), nil
	case "health":
		switch value {
		case "healthy", "unhealthy", "starting", "none":
		default:
			return nil, usage(arg, "must be healthy, unhealthy, starting or none")
		}
		return on(func(r *row) bool { return r.status.Health == value || r.status.Health == "" && value == "none" }), nil
	case "restart-policy":
		return on(func(r *row) bool { return r.restartPolicy() == value }), nil
	case "network":
		return on(func(r *row) bool { return r.network() == value }), nil
	case "pod":
		return on(func(*row) bool { return false }), nil // there are none
	case "volume":
		return on(func(r *row) bool { return r.hasVolume(value) }), nil
	case "ancestor":
		return ancestor(value), nil
	case "before", "since":
		return relative(key, value), nil
	case "until":
		until, err := cli.ParseTime(value, now)
		if err != nil {
			return nil, usage(arg, "must be a time or a duration")
		}
		return on(func(r *row) bool { return r.info.Record.Created.Before(until) }), nil
	}
	return pattern(arg, key, value)
}

// pattern are the filters by a regular expression.
func pattern(arg, key, value string) (func(*listing, *row) (bool, error), error) {
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
	return on(func(r *row) bool { return re.MatchString(text(&r.info.Record)) }), nil
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// relative compares the age with that of another container.
func relative(key, name string) func(*listing, *row) (bool, error) {
	var other *libstorage.ContainerInfo
	return func(l *listing, r *row) (bool, error) {
		if other == nil {
			found, err := l.records.Container(l.ctx, name)
			if err != nil {
				return false, err
			}
			other = &found
		}
		if key == "before" {
			return r.info.Record.Created.Before(other.Record.Created), nil
		}
		return r.info.Record.Created.After(other.Record.Created), nil
	}
}

// ancestor matches the image by its name, with its tag or without, by its ID,
// and by any image that it was made from.
func ancestor(value string) func(*listing, *row) (bool, error) {
	var image string
	looked := false
	return func(l *listing, r *row) (bool, error) {
		rec := &r.info.Record
		if rec.ImageID == "" {
			return false, nil
		}
		repository, tag, _ := libstorage.SplitName(rec.ImageName)
		if rec.ImageName == value || tag == "latest" && repository == value ||
			len(value) >= 12 && strings.HasPrefix(rec.ImageID, strings.TrimPrefix(value, "sha256:")) {
			return true, nil
		}
		store, err := l.images.store(l.ctx)
		if err != nil {
			return false, err
		}
		if !looked {
			looked = true
			// One that is not there any more may be a container's nevertheless.
			if found, err := store.Image(l.ctx, value); err == nil {
				image = found.ID
			}
		}
		if image == "" || image == rec.ImageID {
			return image != "", nil
		}
		if l.lineage == nil {
			lineage, err := store.Lineage(l.ctx)
			if err != nil {
				return false, err
			}
			l.lineage = lineage
		}
		for id := rec.ImageID; id != ""; {
			if id = l.lineage.Parent(id); id == image {
				return true, nil
			}
		}
		return false, nil
	}
}

func (r *row) restartPolicy() string {
	if policy := r.config().Restart.Policy; policy != "" {
		return policy
	}
	return "no"
}

// hasVolume looks for the name of a volume, or a path on either side of a
// mount.
func (r *row) hasVolume(value string) bool {
	config := r.config()
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
	return is(r.info.Record.Volumes...)
}

func usage(arg, why string) error {
	return errclass.New(errclass.Usage, "--filter", fmt.Errorf("--filter %q: %s", arg, why))
}
