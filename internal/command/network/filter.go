// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	networks "github.com/tug-containers/tug/libexec/network"
)

// The keys of --filter.
func pruneKeys() []string { return []string{"label", "label!", "until"} }
func listKeys() []string {
	return append([]string{"dangling", "driver", "id", "name"}, pruneKeys()...)
}

// filters tell whether a network is wanted: for each key one of its values has to
// match, but for label, where all have to.
type filters map[string][]filter

type filter func(ctx context.Context, w *world, n *networks.Network) (bool, error)

func (f filters) match(ctx context.Context, w *world, n *networks.Network) (bool, error) {
	for key, list := range f {
		all := strings.HasPrefix(key, "label")
		matched := all
		for _, one := range list {
			yes, err := one(ctx, w, n)
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
	switch key {
	case "driver":
		return func(_ context.Context, _ *world, n *networks.Network) (bool, error) { return n.Driver == value, nil }, nil
	case "id":
		return func(_ context.Context, _ *world, n *networks.Network) (bool, error) {
			return strings.HasPrefix(n.ID, value), nil
		}, nil
	case "name":
		pattern, err := regexp.Compile(value)
		if err != nil {
			return nil, err
		}
		return func(_ context.Context, _ *world, n *networks.Network) (bool, error) {
			return pattern.MatchString(n.Name), nil
		}, nil
	case "label", "label!":
		name, text, valued := strings.Cut(value, "=")
		return func(_ context.Context, _ *world, n *networks.Network) (bool, error) {
			got, there := n.Labels[name]
			return (there && (!valued || got == text)) == (key == "label"), nil
		}, nil
	case "until":
		until, err := cli.ParseTime(value, now)
		return func(_ context.Context, _ *world, n *networks.Network) (bool, error) {
			return n.Created.Before(until), nil
		}, err
	}
	want, err := strconv.ParseBool(value) // dangling
	return func(ctx context.Context, w *world, n *networks.Network) (bool, error) {
		used, err := w.used(ctx, n)
		return (len(used) == 0) == want, err
	}, err
}
