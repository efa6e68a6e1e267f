// SPDX-License-Identifier: Apache-2.0

package cli

import (
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
