// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/userns"
	"github.com/tug-containers/tug/libstorage"
)

const (
	outsideAnnotation  = "tug.outside"
	unsharedAnnotation = "tug.unshared"
)

// Outside says that a command neither mounts anything nor opens a store, and so
// needs no user namespace when a user starts it: it starts faster.
func Outside(cmd *cobra.Command) { mark(cmd, outsideAnnotation) }

// Unshared says that what a command does is seen in its namespaces alone, and
// lost with them: a user has to be in some before, by tug-unshare.
func Unshared(cmd *cobra.Command) { mark(cmd, unsharedAnnotation) }

func mark(cmd *cobra.Command, annotation string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[annotation] = "true"
}

// enter is the part of a command's start-up that is for ordinary users.
func enter(cmd *cobra.Command) error {
	if !userns.Needed() {
		return userns.Enter(cmd.Context(), "") // we may be back
	}
	if err := userns.Prepare(func(message string) { _, _ = cmd.ErrOrStderr().Write([]byte("tug: " + Printable(message) + "\n")) }); err != nil {
		return err
	}
	switch {
	case cmd.Annotations[outsideAnnotation] != "":
		return nil
	case cmd.Annotations[unsharedAnnotation] != "":
		return errclass.New(errclass.Unsupported, Verb(), fmt.Errorf("tug %s: what a user mounts is seen in the user namespace alone: "+
			"run it in the shell of `tug unshare`", Verb()))
	}
	return Enter(cmd)
}

// Enter makes an ordinary user root of a user namespace. The process executes
// itself again then; in there, and for root, Enter does nothing. It is called for
// all commands but those that are Outside.
func Enter(cmd *cobra.Command) error {
	if !userns.Needed() {
		return nil
	}
	where, err := libstorage.OpenRecords(cmd.Context(), storeOf(cmd))
	if err != nil {
		return err
	}
	return userns.Enter(cmd.Context(), filepath.Join(where.Root(), "tug"))
}

// storeOf reads the global options of a command that says which store it is for.
func storeOf(cmd *cobra.Command) libstorage.Options {
	value := func(name string) string {
		if f := cmd.Flags().Lookup(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	return libstorage.Options{Root: value("root"), RunRoot: value("runroot"), Driver: value("storage-driver")}
}
