// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/unit"
)

func (o *options) newFrom() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "from [OPTION]... CONTAINER|COMMAND-LINE",
		Short: "Write the .container file of a container, or of a command line",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			line := args
			var err error
			if len(args) == 1 {
				if line, err = unit.Words(args[0]); err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
			}
			if len(line) == 1 {
				if line, err = o.createCommand(line[0]); err != nil {
					return err
				}
			}
			_, text, err := unit.FromCommand(line)
			if err != nil {
				return err
			}
			if output == "" {
				_, err = io.WriteString(cmd.OutOrStdout(), text)
				return err
			}
			f, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
			if err != nil {
				return err
			}
			_, err = f.WriteString(text)
			return errors.Join(err, f.Close())
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to this new `FILE`, not to stdout")
	return cmd
}

// createCommand is the command line that made a container.
func (o *options) createCommand(container string) ([]string, error) {
	if strings.HasPrefix(container, "-") {
		return nil, fmt.Errorf("%s: not a container", container)
	}
	c := exec.Command(filepath.Join(o.dir(), "tug-inspect"), append(o.args(), "--type", "container", "--", container)...)
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(strings.TrimSpace(said.String()+" "+err.Error()), "Error: "))
	}
	var found []struct {
		Config struct{ CreateCommand []string }
	}
	if err := json.Unmarshal(out, &found); err != nil {
		return nil, fmt.Errorf("tug-inspect %s: %w", container, err)
	}
	if len(found) != 1 || len(found[0].Config.CreateCommand) == 0 {
		return nil, fmt.Errorf("container %s: how it was made is not known", container)
	}
	return found[0].Config.CreateCommand, nil
}
