// SPDX-License-Identifier: Apache-2.0

// Package unshare is the command tug-unshare: a program in the user namespace of
// a user's store.
package unshare

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/userns"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

// New makes the command.
func New() *cobra.Command {
	var netns bool
	cmd := &cobra.Command{
		Use:   "tug-unshare [OPTION]... [COMMAND [ARG]...]",
		Short: "Run a program in the user namespace of the store",
		Args:  cobra.ArbitraryArgs,
	}
	globals := cli.AddGlobals(cmd)
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVar(&netns, "rootless-netns", false, "In the network namespace of bridges too; not supported")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if netns {
			return errclass.New(errclass.Unsupported, "--rootless-netns", errors.New("--rootless-netns is not supported by this version"))
		}
		where, err := libstorage.OpenRecords(cmd.Context(), globals.Store())
		if err != nil {
			return err
		}
		// All commands of a user have been taken into the namespace by now.
		if userns.File(where.Root()) == "" {
			return errclass.New(errclass.Unsupported, "unshare", errors.New("tug unshare is for ordinary users: root has no user namespace to enter"))
		}
		if err := userns.Stay(where.Root()); err != nil {
			return err
		}
		return become(where, args)
	}
	return cmd
}

// The exit codes of a program that cannot be started.
const (
	exitCannot  = 126
	exitMissing = 127
)

// become executes the program in place of us: signals, the terminal and the exit
// code are its own.
func become(where *libstorage.Records, args []string) error {
	if len(args) == 0 {
		args = []string{"/bin/sh"}
		if shell := os.Getenv("SHELL"); shell != "" {
			args[0] = shell
		}
	}
	for key, value := range map[string]string{"CONTAINERS_GRAPHROOT": where.Root(), "CONTAINERS_RUNROOT": where.RunRoot()} {
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	path, err := exec.LookPath(args[0])
	if err == nil {
		err = unix.Exec(path, args, os.Environ())
	}
	code, class := exitCannot, errclass.Usage
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		code, class = exitMissing, errclass.NotFound
	}
	return &cli.ExitError{Code: code, Err: errclass.New(class, args[0], fmt.Errorf("execute %s: %w", args[0], err))}
}
