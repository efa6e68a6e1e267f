// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// The values of Options.Pull.
const (
	PullMissing = "missing"
	PullAlways  = "always"
	PullNever   = "never"
	PullNewer   = "newer"
)

// ErrPull says that tug-pull failed. It has told the user why on stderr.
var ErrPull = errors.New("the image could not be pulled")

// resolve finds the image of o, and has it pulled first where the policy says so.
func resolve(ctx context.Context, store *libstorage.Store, o *Options) (libstorage.Image, error) {
	if o.Pull != PullAlways && o.Pull != PullNewer {
		image, err := store.Image(ctx, o.Image)
		if !errors.Is(err, libstorage.ErrImageUnknown) || o.Pull == PullNever || len(o.Puller) == 0 {
			return image, err
		}
	}
	id, err := pull(ctx, o)
	if err != nil {
		return libstorage.Image{}, err
	}
	return store.Image(ctx, id)
}

// fullName is what an image that was asked for is called in lists: podman's way,
// by its full name, unless it was found by its ID.
func fullName(ctx context.Context, store *libstorage.Store, name string) string {
	if _, full, err := store.ImageAndName(ctx, name); err == nil && full != "" {
		return full
	}
	return name
}

// pull forks tug-pull and reads the ID from its stdout. Its stderr is ours:
// progress and errors reach the user as it writes them.
func pull(ctx context.Context, o *Options) (string, error) {
	args := append(o.Puller[1:len(o.Puller):len(o.Puller)], "--policy="+policy(o.Pull), "--", o.Image)
	cmd := exec.CommandContext(ctx, o.Puller[0], args...)
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s: %w", o.Image, ErrPull)
	case err != nil:
		return "", errclass.New(errclass.NotFound, o.Image, fmt.Errorf("%s: image not known, and tug-pull: %w", o.Image, err))
	}
	id := strings.TrimSpace(stdout.String())
	if id == "" || strings.ContainsAny(id, "\n ") {
		return "", fmt.Errorf("%s: internal error: tug-pull printed %q instead of an image ID", o.Image, id)
	}
	return id, nil
}

func policy(pull string) string {
	if pull == "" {
		return PullMissing
	}
	return pull
}
