// SPDX-License-Identifier: Apache-2.0

// Package login is the command tug-login.
package login

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/access"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

type options struct {
	access        *access.Flags
	username      string
	password      string
	passwordStdin bool
	getLogin      bool
	verbose       bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-login [OPTION]... [REGISTRY]",
		Short: "Log in to a registry",
		Long: `Prove that a registry accepts a user name and a password, and store them for it.
What is not given is asked for on a terminal. Without a registry, the first one of
registries.conf is meant.`,
		Args: cli.Usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cli.AddGlobals(cmd)
	cli.Outside(cmd)
	o.access = access.AddLogin(cmd)
	f := cmd.Flags()
	f.StringVarP(&o.username, "username", "u", "", "User `NAME`")
	f.StringVarP(&o.password, "password", "p", "", "`PASSWORD`; other users of the machine can see it: use --password-stdin")
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "Read the password from stdin")
	f.BoolVar(&o.getLogin, "get-login", false, "Print the user name that is stored for the registry")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "Say for which registry")
	return cmd
}

func (o *options) run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	acc, err := o.access.Access(stderr)
	if err != nil {
		return err
	}
	registry, err := registryOf(args, acc)
	if err != nil {
		return err
	}
	if o.getLogin {
		user, err := libimage.LoggedIn(ctx, registry, acc)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(stdout, cli.Printable(user))
		return err
	}
	if o.username == "" && o.password == "" && !o.passwordStdin {
		if done, err := o.already(ctx, registry, acc, stdout); done || err != nil {
			return err
		}
	}
	if acc.Credentials, err = o.credentials(registry, stdin, stderr); err != nil {
		return err
	}
	if err := libimage.Login(ctx, registry, acc); err != nil {
		return err
	}
	if o.verbose {
		fmt.Fprintf(stderr, "Stored the credentials of %s\n", cli.Printable(registry))
	}
	_, err = fmt.Fprintln(stdout, "Login Succeeded!")
	return err
}

// already tells whether what is stored is good; one that is not is asked for
// again.
func (o *options) already(ctx context.Context, registry string, acc libimage.Access, stdout io.Writer) (bool, error) {
	err := libimage.Verify(ctx, registry, acc)
	if errors.Is(err, libimage.ErrNotLoggedIn) || errors.Is(err, libimage.ErrAuth) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = fmt.Fprintf(stdout, "Existing credentials are valid. Already logged in to %s\n", cli.Printable(registry))
	return true, err
}

func registryOf(args []string, acc libimage.Access) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	return libimage.DefaultRegistry(acc)
}

func usage(message string) error {
	return errclass.New(errclass.Usage, "credentials", errors.New(message))
}
