// SPDX-License-Identifier: Apache-2.0

package target

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// Seconds is the value of --time: how long to wait. It is nil until it was
// given, and less than 0 for ever.
type Seconds struct{ Limit *time.Duration }

// Register adds --time, which some call --timeout.
func (s *Seconds) Register(f *pflag.FlagSet, usage string) {
	f.VarP(s, "time", "t", usage)
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "timeout" {
			name = "time"
		}
		return pflag.NormalizedName(name)
	})
}

// Set is what pflag calls.
func (s *Seconds) Set(text string) error {
	const longest = 1 << 32 // some 136 years
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < -1 || n > longest {
		return fmt.Errorf("%q is not a number of seconds, and not -1", text)
	}
	limit := time.Duration(n) * time.Second
	s.Limit = &limit
	return nil
}

// String is what pflag calls.
func (s *Seconds) String() string {
	if s.Limit == nil {
		return ""
	}
	return strconv.FormatInt(int64(*s.Limit/time.Second), 10)
}

// Type is what pflag calls.
func (s *Seconds) Type() string { return "int" }
