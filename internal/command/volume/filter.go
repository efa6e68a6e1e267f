// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"strconv"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

// The keys of --filter.
func pruneKeys() []string { return []string{"after", "anonymous", "label", "label!", "since", "until"} }
func listKeys() []string {
	return append([]string{"dangling", "driver", "name", "opt", "scope"}, pruneKeys()...)
}

// candidate is a volume of which filters tell whether it is wanted.
type candidate struct {
	libstorage.Volume
	store *libstorage.Store
}

type filters = cli.Filters[candidate]

func parseFilter(key, value string) (cli.Filter[candidate], error) {
	switch key {
	case "driver":
		return cli.TextFilter(value, func(v candidate) string { return v.Driver }), nil
	case "scope":
		return cli.TextFilter(value, func(candidate) string { return "local" }), nil
	case "name":
		return cli.NameFilter(value, func(v candidate) string { return v.Name })
	case "label", "label!":
		return cli.PairFilter(value, func(v candidate) map[string]string { return v.Labels }, key == "label!"), nil
	case "opt":
		return cli.PairFilter(value, func(v candidate) map[string]string { return v.Options }, false), nil
	case "after", "since":
		return sinceFilter(value), nil
	case "until":
		return cli.UntilFilter(value, func(v candidate) time.Time { return v.Created })
	}
	want, err := strconv.ParseBool(value)
	return func(_ context.Context, v candidate) (bool, error) {
		if key == "anonymous" {
			return v.Anonymous == want, nil
		}
		users, err := v.store.VolumeUsers(v.Name) // dangling
		return (len(users) == 0) == want, err
	}, err
}

// sinceFilter looks for volumes that are younger than another.
func sinceFilter(name string) cli.Filter[candidate] {
	return func(ctx context.Context, v candidate) (bool, error) {
		other, err := v.store.Volume(ctx, name)
		return err == nil && v.Created.After(other.Created), err
	}
}
