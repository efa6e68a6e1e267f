// SPDX-License-Identifier: Apache-2.0

package prune

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
)

// conditions are those of --filter, which all have to hold.
type conditions []func(labels map[string]string, created time.Time) bool

func (c conditions) match(labels map[string]string, created time.Time) bool {
	for _, one := range c {
		if !one(labels, created) {
			return false
		}
	}
	return true
}

// parseConditions reads --filter KEY=VALUE.
func parseConditions(args []string, now time.Time) (conditions, error) {
	var all conditions
	for _, arg := range args {
		key, value, found := strings.Cut(arg, "=")
		one, err := parseCondition(key, value, now)
		if err == nil && !found {
			err = errors.New("must be KEY=VALUE")
		}
		if err != nil {
			return nil, errclass.New(errclass.Usage, "--filter", fmt.Errorf("--filter %q: %w", arg, err))
		}
		all = append(all, one)
	}
	return all, nil
}

func parseCondition(key, value string, now time.Time) (func(map[string]string, time.Time) bool, error) {
	switch key {
	case "label", "label!":
		name, want, valued := strings.Cut(value, "=")
		return func(labels map[string]string, _ time.Time) bool {
			got, there := labels[name]
			return (there && (!valued || got == want)) == (key == "label")
		}, nil
	case "until":
		until, err := cli.ParseTime(value, now)
		if err != nil {
			return nil, errors.New("must be a time or a duration")
		}
		return func(_ map[string]string, created time.Time) bool { return created.Before(until) }, nil
	}
	return nil, errors.New("not a filter: must be label, label! or until")
}
