// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/types"
)

const maxAuthFile = 1 << 20

// authFile is where login writes, and where everyone looks first.
func authFile(sys *types.SystemContext) string {
	if path := namedAuthFile(sys); path != "" {
		return path
	}
	// house: allow environment: containers/image looks there itself, and both must mean the same file
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "containers", "auth.json")
	}
	return filepath.Join("/run/containers", strconv.Itoa(os.Getuid()), "auth.json")
}

func namedAuthFile(sys *types.SystemContext) string {
	if sys.DockerCompatAuthFilePath != "" {
		return sys.DockerCompatAuthFilePath
	}
	return sys.AuthFilePath
}

// checkAuthFiles looks at the files that the library will read, so that it
// never waits for a FIFO nor reads a gigabyte.
func (a Access) checkAuthFiles(sys *types.SystemContext) error {
	if sys.DockerAuthConfig != nil || sys.DockerBearerRegistryToken != "" {
		return nil
	}
	if path := namedAuthFile(sys); path != "" {
		return a.checkAuthFile(path)
	}
	paths := []string{authFile(sys)}
	if home, err := os.UserHomeDir(); err == nil {
		paths = append(paths, filepath.Join(home, ".config/containers/auth.json"),
			filepath.Join(home, ".docker/config.json"), filepath.Join(home, ".dockercfg"))
	}
	for _, path := range paths {
		if err := a.checkAuthFile(path); err != nil {
			return err
		}
	}
	return nil
}

// checkAuthFile refuses what is no regular file, is too large or belongs to
// somebody else, and warns of one that others can read.
func (a Access) checkAuthFile(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil // the library treats one that is not there as empty
	}
	if err != nil {
		return errclass.New(errclass.Auth, path, fmt.Errorf("%w: %w", ErrAuthFile, err))
	}
	bad := func(why string) error {
		return fail(errclass.Auth, path, "%s: %w: %s", path, ErrAuthFile, why)
	}
	switch {
	case !info.Mode().IsRegular():
		return bad("not a regular file")
	case info.Size() > maxAuthFile:
		return bad(fmt.Sprintf("larger than %d bytes", maxAuthFile))
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return bad("its owner is not known")
	}
	return a.checkOwner(path, st.Uid, info.Mode())
}

func (a Access) checkOwner(path string, uid uint32, mode fs.FileMode) error {
	if uid != 0 && uid != uint32(os.Geteuid()) && uid != uint32(os.Getuid()) {
		return fail(errclass.Auth, path, "%s: %w: it belongs to user %d", path, ErrAuthFile, uid)
	}
	if mode.Perm()&0o077 != 0 {
		a.warn(fmt.Sprintf("%s: others can read or write this file of credentials (mode %04o): run chmod 600 on it", path, mode.Perm()))
	}
	return nil
}
