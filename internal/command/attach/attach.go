// SPDX-License-Identifier: Apache-2.0

// Package attach is the command tug-attach.
package attach

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	globals           *cli.Globals
	noStdin, sigProxy bool
	latest            bool
	detachKeys        string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-attach [OPTION]... CONTAINER",
		Short: "Attach to a running container",
		Args:  cli.Usage(cobra.MaximumNArgs(1)),
	}
	o.globals = cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cli.CompleteContainers(o.globals)
	f := cmd.Flags()
	f.BoolVar(&o.noStdin, "no-stdin", false, "Send nothing to the container")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "Pass signals on to the container")
	f.BoolVarP(&o.latest, "latest", "l", false, "Attach to the container that was created last")
	f.StringVar(&o.detachKeys, "detach-keys", libexec.DefaultDetachKeys, "`KEYS` that leave a container with a terminal running; empty for none")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		signals := libexec.CatchSignals()
		if o.latest == (len(args) == 1) {
			return errclass.New(errclass.Usage, "", errors.New("one container, or --latest"))
		}
		name := ""
		if len(args) == 1 {
			name = args[0]
		}
		keys, err := launch.DetachKeys(o.detachKeys, f.Changed("detach-keys"))
		if err != nil {
			return err
		}
		return o.run(cmd.Context(), name, signals, keys)
	}
	return cmd
}

func (o *options) run(ctx context.Context, name string, signals *libexec.Signals, keys []byte) (err error) {
	where := o.globals.Store()
	where.ContainersOnly = true
	store, err := libstorage.Open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	info, err := o.find(ctx, store, name)
	if err != nil {
		return err
	}
	a := launch.AttachOptions{Stdio: libexec.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, DetachKeys: keys}
	if o.noStdin {
		a.Stdio.In = nil
	}
	if o.sigProxy {
		a.Signals = signals
	}
	exit, err := launch.Attach(ctx, store, &info, a)
	if err == nil && exit.Code != 0 {
		err = &cli.ExitError{Code: exit.Code}
	}
	return err
}

func (o *options) find(ctx context.Context, store *libstorage.Store, name string) (libstorage.ContainerInfo, error) {
	if !o.latest {
		return store.Container(ctx, name)
	}
	list, err := store.Containers(ctx)
	if err != nil {
		return libstorage.ContainerInfo{}, err
	}
	if len(list) == 0 {
		return libstorage.ContainerInfo{}, errclass.New(errclass.NotFound, "--latest", fmt.Errorf("there is no container"))
	}
	newest := list[0]
	for _, c := range list {
		if c.Record.Created.After(newest.Record.Created) {
			newest = c
		}
	}
	return newest, nil
}
