// SPDX-License-Identifier: Apache-2.0

package userns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/tug-containers/tug/internal/errclass"
)

// usualPath is where the system's own programs are, whatever PATH says.
const usualPath = "/usr/bin:/usr/sbin:/bin:/sbin:/run/wrappers/bin:/run/current-system/sw/bin:/usr/local/bin"

// lookPath finds a program by its absolute path; pkg is what it comes with.
func lookPath(name, pkg string) (string, error) {
	for _, dir := range filepath.SplitList(usualPath + ":" + os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err == nil && filepath.IsAbs(dir) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errclass.New(errclass.NotFound, name, fmt.Errorf("%s is not installed: it is part of the package %s", name, pkg))
}

// executable is the file of this program by the name that it was started by:
// several verbs are one file.
func executable() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name, err := exec.LookPath(os.Args[0])
	if err == nil {
		name, err = filepath.Abs(name)
	}
	if err == nil && sameFile(name, self) {
		return name, nil
	}
	return self, nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
