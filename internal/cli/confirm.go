// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
)

// Confirm asks on stderr whether to go on, and reads the answer from stdin.
// The end of stdin is no answer, and an error.
func Confirm(cmd *cobra.Command, question string) (bool, error) {
	if _, err := fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", Printable(question)); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4096)).ReadString('\n')
	if errors.Is(err, io.EOF) && answer == "" {
		return false, errclass.New(errclass.Usage, "--force", errors.New("no answer on stdin; --force does not ask"))
	} else if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y"), nil
}
