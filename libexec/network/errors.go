// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
)

// What can be wrong. Each error wraps one of these where it fits, names the
// object, and carries a class.
var (
	ErrUnknown  = errors.New("no such network")
	ErrExists   = errors.New("network already exists")
	ErrInUse    = errors.New("network is being used")
	ErrDamaged  = errors.New("cannot be read")
	ErrNewer    = errors.New("written by a newer version")
	ErrNoRoom   = errors.New("no free address")
	ErrTaken    = errors.New("address is taken")
	ErrPort     = errors.New("port is taken")
	ErrNoSubnet = errors.New("no free subnet")
)

func errorf(class errclass.Class, object, format string, args ...any) error {
	return errclass.New(class, object, fmt.Errorf(format, args...))
}

// shorten cuts what is quoted in a message.
func shorten(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}
