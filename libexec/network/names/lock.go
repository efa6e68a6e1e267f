// SPDX-License-Identifier: Apache-2.0

package names

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
)

const noFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// patience is how long a lock is waited for. It is held for a few file operations.
const patience = 30 * time.Second

// Lock waits for the lock of a file: it lives as long as the file is open.
func Lock(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("for %v", patience))
	defer cancel()
	return ondisk.Lock(ctx, path, 0o644)
}
