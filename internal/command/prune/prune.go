// SPDX-License-Identifier: Apache-2.0

// Package prune is the command tug-prune: it removes what is not used.
package prune

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

type options struct {
	kind                string
	all, force, volumes bool
	filters             []string
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-prune [OPTION]...",
		Short: "Remove containers, images and volumes that are not used",
		Args:  cli.Usage(cobra.NoArgs),
	}
	globals := cli.AddGlobals(cmd)
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "Remove all images that no container uses, not only those without a name")
	f.StringArrayVar(&o.filters, "filter", nil, "Remove only what matches `KEY=VALUE`; can be repeated")
	f.BoolVarP(&o.force, "force", "f", false, "Do not ask")
	f.StringVar(&o.kind, "type", "all", "`KIND` of object: container, image, or all")
	f.BoolVar(&o.volumes, "volumes", false, "Remove volumes too that no container has")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return o.run(cmd, globals.Store()) }
	return cmd
}

func (o *options) run(cmd *cobra.Command, opts libstorage.Options) (err error) {
	usage := func(flag, text string) error { return errclass.New(errclass.Usage, flag, errors.New(text)) }
	switch {
	case o.kind != "all" && o.kind != "container" && o.kind != "image":
		return usage("--type", fmt.Sprintf("--type %q: must be container, image or all", o.kind))
	case o.kind == "container" && o.all:
		return usage("--all", "--all is about images")
	case o.kind != "all" && o.volumes:
		return usage("--volumes", "--volumes goes with --type all")
	}
	wanted, err := parseConditions(o.filters, time.Now())
	if err != nil {
		return err
	}
	if !o.force {
		if yes, err := cli.Confirm(cmd, o.question(cmd)); err != nil || !yes {
			return err
		}
	}
	store, err := libstorage.Open(cmd.Context(), opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	// What killed commands left uses images and volumes no longer.
	if err := launch.Sweep(cmd.Context(), store); err != nil {
		logrus.Debugf("sweep: %v", err)
	}
	return o.prune(cmd, store, wanted)
}

// question says what will be removed, with podman's words.
func (o *options) question(cmd *cobra.Command) string {
	images := "all dangling images"
	if o.all {
		images = "all images without at least one container associated with them"
	}
	warning := ""
	switch o.kind {
	case "container":
		warning = "This will remove all non running containers."
	case "image":
		warning = "This command removes " + images + "."
	default:
		list := []string{"all stopped containers"}
		if o.volumes {
			list = append(list, "all volumes not used by at least one container")
		}
		warning = "This command removes:\n\t- " + strings.Join(append(list, images), "\n\t- ") + "\n"
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "WARNING! %s\n", warning)
	return "Are you sure you want to continue?"
}

func (o *options) prune(cmd *cobra.Command, store *libstorage.Store, wanted conditions) error {
	p := &pruner{cmd: cmd, ctx: cmd.Context(), store: store, wanted: wanted, heading: o.kind == "all"}
	var errs []error
	if o.kind != "image" {
		errs = append(errs, p.containers())
	}
	if o.volumes {
		errs = append(errs, p.volumes())
	}
	if o.kind != "container" {
		errs = append(errs, p.images(o.all))
	}
	if o.kind == "all" {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "Total reclaimed space: %s\n", cli.LongSize(p.freed))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
