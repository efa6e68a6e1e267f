// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

// The keys of --filter.
func pruneKeys() []string { return []string{"after", "anonymous", "label", "label!", "since", "until"} }
func listKeys() []string {
	return append([]string{"dangling", "driver", "name", "opt", "scope"}, pruneKeys()...)
}

// filters tell whether a volume is wanted: for each key one of its values has to
// match, but for label and opt, where all have to.
type filters map[string][]filter

type filter func(ctx context.Context, s *libstorage.Store, v libstorage.Volume) (bool, error)

func (f filters) match(ctx context.Context, s *libstorage.Store, v libstorage.Volume) (bool, error) {
	for key, list := range f {
		all := strings.HasPrefix(key, "label") || key == "opt"
		matched := all
		for _, one := range list {
			yes, err := one(ctx, s, v)
			if err != nil {
				return false, err
			}
			if yes != all {
				matched = yes
				break
			}
		}
		if !matched {
			return false, nil
		}
	}
	return true, nil
}

// parseFilters reads --filter KEY=VALUE.
func parseFilters(args []string, now time.Time, keys []string) (filters, error) {
	all := filters{}
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		if !found || !slices.Contains(keys, key) {
			slices.Sort(keys)
			return nil, usage("--filter", "--filter %q: must be KEY=VALUE with one of %s as KEY", arg, strings.Join(keys, ", "))
		}
		one, err := parseFilter(key, value, now)
		if err != nil {
			return nil, usage("--filter", "--filter %q: %w", arg, err)
		}
		all[key] = append(all[key], one)
	}
	return all, nil
}

func parseFilter(key, value string, now time.Time) (filter, error) {
	text := func(get func(libstorage.Volume) string) filter {
		return func(_ context.Context, _ *libstorage.Store, v libstorage.Volume) (bool, error) {
			return get(v) == value, nil
		}
	}
	switch key {
	case "driver":
		return text(func(v libstorage.Volume) string { return v.Driver }), nil
	case "scope":
		return text(func(libstorage.Volume) string { return "local" }), nil
	case "name":
		pattern, err := regexp.Compile(value)
		if err != nil {
			return nil, err
		}
		return func(_ context.Context, _ *libstorage.Store, v libstorage.Volume) (bool, error) {
			return pattern.MatchString(v.Name), nil
		}, nil
	case "label":
		return pairFilter(value, func(v libstorage.Volume) map[string]string { return v.Labels }, true), nil
	case "label!":
		return pairFilter(value, func(v libstorage.Volume) map[string]string { return v.Labels }, false), nil
	case "opt":
		return pairFilter(value, func(v libstorage.Volume) map[string]string { return v.Options }, true), nil
	case "after", "since":
		return sinceFilter(value), nil
	case "until":
		until, err := cli.ParseTime(value, now)
		return func(_ context.Context, _ *libstorage.Store, v libstorage.Volume) (bool, error) {
			return v.Created.Before(until), nil
		}, err
	}
	want, err := strconv.ParseBool(value)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, s *libstorage.Store, v libstorage.Volume) (bool, error) {
		if key == "anonymous" {
			return v.Anonymous == want, nil
		}
		users, err := s.VolumeUsers(v.Name) // dangling
		return (len(users) == 0) == want, err
	}, nil
}

// pairFilter looks for NAME or NAME=VALUE.
func pairFilter(value string, get func(libstorage.Volume) map[string]string, want bool) filter {
	name, text, valued := strings.Cut(value, "=")
	return func(_ context.Context, _ *libstorage.Store, v libstorage.Volume) (bool, error) {
		got, there := get(v)[name]
		return (there && (!valued || got == text)) == want, nil
	}
}

// sinceFilter looks for volumes that are younger than another.
func sinceFilter(name string) filter {
	return func(ctx context.Context, s *libstorage.Store, v libstorage.Volume) (bool, error) {
		other, err := s.Volume(ctx, name)
		return err == nil && v.Created.After(other.Created), err
	}
}
