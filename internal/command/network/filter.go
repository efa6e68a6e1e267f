// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
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

// candidate is a network of which filters tell whether it is wanted.
type candidate struct {
	*networks.Network
	w *world
}

type filters = cli.Filters[candidate]

func parseFilter(key, value string) (cli.Filter[candidate], error) {
	switch key {
	case "driver":
		return cli.TextFilter(value, func(n candidate) string { return n.Driver }), nil
	case "id":
		return func(_ context.Context, n candidate) (bool, error) { return strings.HasPrefix(n.ID, value), nil }, nil
	case "name":
		return cli.NameFilter(value, func(n candidate) string { return n.Name })
	case "label", "label!":
		return cli.PairFilter(value, func(n candidate) map[string]string { return n.Labels }, key == "label!"), nil
	case "until":
		return cli.UntilFilter(value, func(n candidate) time.Time { return n.Created })
	}
	want, err := strconv.ParseBool(value) // dangling
	return func(ctx context.Context, n candidate) (bool, error) {
		used, err := n.w.used(ctx, n.Network)
		return (len(used) == 0) == want, err
	}, err
}
