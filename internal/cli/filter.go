// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Filter tells whether something is wanted.
type Filter[T any] func(ctx context.Context, item T) (bool, error)

// Filters are those of --filter, by their keys: for each key one of its values has to
// match, but for those of pairs, label and opt, where all have to.
type Filters[T any] map[string][]Filter[T]

// ParseFilters reads --filter KEY=VALUE.
func ParseFilters[T any](args, keys []string, parse func(key, value string) (Filter[T], error)) (Filters[T], error) {
	all := Filters[T]{}
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		if !found || !slices.Contains(keys, key) {
			slices.Sort(keys)
			return nil, UsageError("--filter", "--filter %q: must be KEY=VALUE with one of %s as KEY", arg, strings.Join(keys, ", "))
		}
		one, err := parse(key, value)
		if err != nil {
			return nil, UsageError("--filter", "--filter %q: %w", arg, err)
		}
		all[key] = append(all[key], one)
	}
	return all, nil
}

// Match tells whether all of them want an item.
func (f Filters[T]) Match(ctx context.Context, item T) (bool, error) {
	for key, list := range f {
		all := key == "label" || key == "label!" || key == "opt"
		matched := all
		for _, one := range list {
			yes, err := one(ctx, item)
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

// TextFilter wants those of which get gives the value.
func TextFilter[T any](value string, get func(T) string) Filter[T] {
	return func(_ context.Context, item T) (bool, error) { return get(item) == value, nil }
}

// NameFilter wants those whose name has what a regular expression says.
func NameFilter[T any](value string, get func(T) string) (Filter[T], error) {
	pattern, err := regexp.Compile(value)
	return func(_ context.Context, item T) (bool, error) { return pattern.MatchString(get(item)), nil }, err
}

// PairFilter looks for NAME or NAME=VALUE; without is for those that lack it.
func PairFilter[T any](value string, get func(T) map[string]string, without bool) Filter[T] {
	name, text, valued := strings.Cut(value, "=")
	return func(_ context.Context, item T) (bool, error) {
		got, there := get(item)[name]
		return (there && (!valued || got == text)) != without, nil
	}
}

// UntilFilter wants those that were made before a time, as ParseTime reads it.
func UntilFilter[T any](value string, get func(T) time.Time) (Filter[T], error) {
	until, err := ParseTime(value, time.Now())
	return func(_ context.Context, item T) (bool, error) { return get(item).Before(until), nil }, err
}
