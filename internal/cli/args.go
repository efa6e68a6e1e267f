// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
)

// Usage makes the errors of an argument check usage errors.
func Usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return errclass.New(errclass.Usage, "", err)
		}
		return nil
	}
}

// Report prints an error that is not the command's last one.
func Report(cmd *cobra.Command, err error) {
	report(cmd.ErrOrStderr(), errorFormat(cmd.Root(), nil), err)
}

// UsageError is a usage error about an option.
func UsageError(object, format string, args ...any) error {
	return errclass.New(errclass.Usage, object, fmt.Errorf(format, args...))
}

// ParsePairs reads NAME=VALUE entries; without "=" the value is empty, unless
// it must be there.
func ParsePairs(flag string, list []string, needValue bool) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	pairs := make(map[string]string, len(list))
	for _, entry := range list {
		name, value, found := strings.Cut(entry, "=")
		if name == "" || needValue && !found || strings.IndexByte(entry, 0) >= 0 {
			return nil, UsageError(flag, "%s %q: not NAME=VALUE", flag, entry)
		}
		pairs[name] = value
	}
	return pairs, nil
}

// ParseAddress reads an address of a kind; of an empty text, none.
func ParseAddress(flag, text string, kind func(netip.Addr) bool) (netip.Addr, error) {
	if text == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" || a.Is4In6() || !kind(a) {
		return a, UsageError(flag, "%s %q: not an address of that kind", flag, text)
	}
	return a, nil
}
