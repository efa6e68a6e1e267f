// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Top is the top of the source tree, seen from the directory of a test.
const Top = "../.."

// Binaries builds the programs and gives a directory with all of them, and a
// function that removes it; what others build meanwhile does not change them.
// Where TUG_BIN is set, it names the directory.
func Binaries() (bin string, clean func(), err error) {
	clean = func() {}
	if bin = os.Getenv("TUG_BIN"); bin != "" {
		return bin, clean, nil
	}
	build, err := filepath.Abs(filepath.Join(Top, "build"))
	if err != nil {
		return "", clean, err
	}
	if err := os.MkdirAll(build, 0o755); err != nil {
		return "", clean, err
	}
	lock, err := os.OpenFile(filepath.Join(build, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", clean, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", clean, err
	}
	top := filepath.Dir(build)
	if out, err := exec.Command("make", "-s", "-C", top, "build").CombinedOutput(); err != nil {
		return "", clean, fmt.Errorf("make build: %w: %s", err, out)
	}
	if bin, err = os.MkdirTemp(build, "bin-"); err != nil {
		return "", clean, err
	}
	clean = func() { os.RemoveAll(bin) }
	if err := os.Chmod(bin, 0o755); err != nil {
		return "", clean, err
	}
	programs, err := filepath.Glob(filepath.Join(top, "bin", "*"))
	if err != nil {
		return "", clean, err
	}
	for _, program := range programs {
		if err := os.Link(program, filepath.Join(bin, filepath.Base(program))); err != nil {
			return "", clean, err
		}
	}
	return bin, clean, nil
}
