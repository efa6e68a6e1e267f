// SPDX-License-Identifier: Apache-2.0

package images

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// filter tells whether an image is shown.
type filter func(l *listing, img libstorage.Image) (bool, error)

// parseFilters reads --filter KEY=VALUE. Filters of one key are alternatives,
// as podman has it, but for labels; those of different keys all hold.
func parseFilters(args []string, now time.Time) ([]filter, error) {
	var all []filter
	byKey := map[string][]filter{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok {
			return nil, usage(arg, "must be KEY=VALUE")
		}
		f, err := parseFilter(arg, key, value, now)
		if err != nil {
			return nil, err
		}
		if key == "label" || key == "label!" {
			all = append(all, f)
			continue
		}
		if byKey[key] == nil {
			all = append(all, func(l *listing, img libstorage.Image) (bool, error) { return anyOf(byKey[key], l, img) })
		}
		byKey[key] = append(byKey[key], f)
	}
	return all, nil
}

func anyOf(filters []filter, l *listing, img libstorage.Image) (bool, error) {
	for _, f := range filters {
		if keep, err := f(l, img); keep || err != nil {
			return keep, err
		}
	}
	return false, nil
}

func parseFilter(arg, key, value string, now time.Time) (filter, error) {
	switch key {
	case "reference":
		if _, err := path.Match(value, ""); err != nil {
			return nil, usage(arg, "not a pattern")
		}
		return referenceFilter(value), nil
	case "id":
		return func(_ *listing, img libstorage.Image) (bool, error) {
			return strings.HasPrefix(img.ID, strings.TrimPrefix(value, "sha256:")), nil
		}, nil
	case "digest":
		return digestFilter(value), nil
	case "label":
		return labelFilter(value), nil
	case "label!":
		not := labelFilter(value)
		return func(l *listing, img libstorage.Image) (bool, error) {
			keep, err := not(l, img)
			return !keep, err
		}, nil
	case "before":
		return imageFilter(value, func(img, other libstorage.Image) bool { return img.Created.Before(other.Created) }), nil
	case "since", "after":
		return imageFilter(value, func(img, other libstorage.Image) bool { return img.Created.After(other.Created) }), nil
	case "until":
		until, err := cli.ParseTime(value, now)
		if err != nil {
			return nil, usage(arg, "must be a time or a duration")
		}
		return func(_ *listing, img libstorage.Image) (bool, error) { return img.Created.Before(until), nil }, nil
	}
	return boolFilter(arg, key, value)
}

func boolFilter(arg, key, value string) (filter, error) {
	var get func(l *listing, img libstorage.Image) (bool, error)
	switch key {
	case "dangling":
		get = func(_ *listing, img libstorage.Image) (bool, error) { return len(img.Names) == 0, nil }
	case "readonly":
		get = func(_ *listing, img libstorage.Image) (bool, error) { return img.ReadOnly, nil }
	case "intermediate":
		get = func(l *listing, img libstorage.Image) (bool, error) {
			lineage, err := l.relatives()
			return err == nil && lineage.Intermediate(img.ID), err
		}
	default:
		return nil, usage(arg, "not a filter: must be before, dangling, digest, id, intermediate, label, readonly, reference, since or until")
	}
	want, err := strconv.ParseBool(value)
	if err != nil {
		return nil, usage(arg, "must be true or false")
	}
	return func(l *listing, img libstorage.Image) (bool, error) {
		got, err := get(l, img)
		return got == want, err
	}, nil
}

// referenceFilter matches a pattern with each name, whole, without its tag,
// and with what is before a slash left away.
func referenceFilter(pattern string) filter {
	return func(l *listing, img libstorage.Image) (bool, error) {
		for _, name := range img.Names {
			repository, _, _ := libstorage.SplitName(name)
			for _, form := range []string{name, repository} {
				for {
					if ok, err := path.Match(pattern, form); err == nil && ok {
						return true, nil
					}
					_, tail, found := strings.Cut(form, "/")
					if !found {
						break
					}
					form = tail
				}
			}
		}
		return strings.HasPrefix(img.ID, pattern) && len(pattern) >= 12, nil
	}
}

func digestFilter(value string) filter {
	return func(_ *listing, img libstorage.Image) (bool, error) {
		for _, d := range img.Digests {
			if strings.HasPrefix(d.String(), value) || strings.HasPrefix(d.Encoded(), value) {
				return true, nil
			}
		}
		return false, nil
	}
}

func labelFilter(value string) filter {
	key, want, valued := strings.Cut(value, "=")
	return func(l *listing, img libstorage.Image) (bool, error) {
		got, ok := l.labels(img)[key]
		return ok && (!valued || got == want), nil
	}
}

func imageFilter(name string, keep func(img, other libstorage.Image) bool) filter {
	var other *libstorage.Image
	return func(l *listing, img libstorage.Image) (bool, error) {
		if other == nil {
			found, err := l.store.Image(l.ctx, name)
			if err != nil {
				return false, err
			}
			other = &found
		}
		return keep(img, *other), nil
	}
}

func usage(arg, why string) error {
	return errclass.New(errclass.Usage, "--filter", fmt.Errorf("--filter %q: %s", arg, why))
}
