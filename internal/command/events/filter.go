// SPDX-License-Identifier: Apache-2.0

package events

import (
	"fmt"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/events"
)

// filter is one key, with all its values: one must fit.
type filter struct {
	key    string
	values []string
}

// parseFilters reads --filter KEY=VALUE. Labels must all be there.
func parseFilters(args []string) ([]filter, error) {
	var all []filter
	byKey := map[string]int{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usage(arg, "must be KEY=VALUE")
		}
		switch key {
		case "container", "event", "image", "label", "network", "pod", "type", "volume":
		default:
			return nil, usage(arg, "not a filter: must be container, event, image, label, network, pod, type or volume")
		}
		if i, again := byKey[key]; again && key != "label" {
			all[i].values = append(all[i].values, value)
			continue
		}
		byKey[key] = len(all)
		all = append(all, filter{key, []string{value}})
	}
	return all, nil
}

func (f *filter) keep(e *events.Event) bool {
	for _, value := range f.values {
		if f.fits(e, value) {
			return true
		}
	}
	return false
}

func (f *filter) fits(e *events.Event, value string) bool {
	switch f.key {
	case "container":
		return (e.Type == events.Container || e.Type == events.Network) && named(e, value)
	case "event":
		return e.Action == value
	case "image":
		return e.Type == events.Image && (named(e, value) || ofImage(e.Name, value)) || e.Type == events.Container && ofImage(e.Image, value)
	case "label":
		key, want, valued := strings.Cut(value, "=")
		got, ok := e.Attributes[key]
		return ok && (!valued || got == want)
	case "network":
		return e.Type == events.Network && strings.HasPrefix(e.Network, value)
	case "type":
		return e.Type == value
	case "volume":
		return e.Type == events.Volume && strings.HasPrefix(e.Name, value)
	}
	return false // there are no pods
}

// named compares with the name, or the beginning of the ID.
func named(e *events.Event, value string) bool {
	return value != "" && (e.Name == value || strings.HasPrefix(e.ID, value))
}

// ofImage compares with a name: whole, without its tag, without its registry.
func ofImage(name, value string) bool {
	for {
		repository := name
		if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
			repository = name[:at]
		}
		if name == value || repository == value {
			return value != ""
		}
		_, rest, found := strings.Cut(name, "/")
		if !found {
			return false
		}
		name = rest
	}
}

func usage(arg, why string) error {
	return errclass.New(errclass.Usage, "--filter", fmt.Errorf("--filter %q: %s", arg, why))
}
