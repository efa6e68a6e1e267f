// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"

	"github.com/tug-containers/tug/libexec"
)

// Code is the exit code of a command for an error of Run, Start or Exec that has
// one of its own, as podman-run(1) says, else 0.
func Code(err error) int {
	switch {
	case errors.Is(err, libexec.ErrCommandNotFound):
		return 127
	case errors.Is(err, libexec.ErrCommandNotExecutable):
		return 126
	}
	return 0
}
