// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/errclass"
)

// Removal is the removal of what arguments name: networks, volumes.
type Removal struct {
	// One removes what an argument names, and gives what is printed.
	One func(ctx context.Context, arg string) (string, error)
	// Missing and InUse are the errors for what is not there, and what is in use.
	Missing, InUse error
	// Force has what is missing be no error.
	Force bool
}

// Run removes one after the other. The exit code is 1 when they were only missing, 2
// when some were in use, and 125 when there was anything else.
func (r *Removal) Run(cmd *cobra.Command, args []string) error {
	var errs []error
	for _, arg := range args {
		name, err := r.One(cmd.Context(), arg)
		switch {
		case err == nil:
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), name); err != nil {
				return err
			}
		case !r.Force || !errors.Is(err, r.Missing):
			errs = append(errs, err)
		}
		if cmd.Context().Err() != nil {
			break
		}
	}
	if len(errs) == 0 {
		return context.Cause(cmd.Context())
	}
	// The last one is reported with the exit code.
	for _, err := range errs[:len(errs)-1] {
		Report(cmd, err)
	}
	return &ExitError{Code: r.code(errs), Err: errs[len(errs)-1]}
}

func (r *Removal) code(errs []error) int {
	code := 1
	for _, err := range errs {
		switch {
		case errors.Is(err, r.InUse):
			code = 2
		case !errors.Is(err, r.Missing):
			return ExitCode(Podman, errclass.Internal)
		}
	}
	return code
}
