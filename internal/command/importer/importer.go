// SPDX-License-Identifier: Apache-2.0

// Package importer is the command tug-import.
package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/imagechange"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/pkg/compression"
	"golang.org/x/term"
)

type options struct {
	globals           *cli.Globals
	changes           []string
	message           string
	os, arch, variant string
	quiet             bool
}

// New makes the command.
func New() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "tug-import [OPTION]... FILE|URL|- [NAME]",
		Short: "Make an image of the files in a tar archive",
		Args:  cli.Usage(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), append(args, "")[:2], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	o.globals = cli.AddGlobals(cmd)
	f := cmd.Flags()
	f.StringVar(&o.arch, "arch", runtime.GOARCH, "Architecture (`ARCH`) of the image")
	f.StringArrayVarP(&o.changes, "change", "c", nil, "Carry out the Dockerfile `INSTRUCTION` on the configuration; can be repeated")
	f.StringVarP(&o.message, "message", "m", "", "Comment (`TEXT`) in the history of the image")
	f.StringVar(&o.os, "os", "linux", "Operating system (`OS`) of the image")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Say nothing but the ID, as without it")
	f.StringVar(&o.variant, "variant", "", "`VARIANT` of the architecture, such as v7")
	return cmd
}

func (o *options) run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) (err error) {
	if err := imagechange.Apply(&v1.ImageConfig{}, map[string]json.RawMessage{}, o.changes); err != nil {
		return err
	}
	layer, err := source(ctx, args[0], stdin)
	if err != nil {
		return err
	}
	defer layer.Close()
	plain, _, err := compression.AutoDecompress(layer)
	if err != nil {
		return errclass.New(errclass.Unsupported, args[0], fmt.Errorf("%s: %w", args[0], err))
	}
	defer plain.Close()
	store, err := libstorage.Open(ctx, o.globals.Store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	id, err := store.CreateImage(ctx, libstorage.NewImage{
		Layer: plain, Name: args[1], History: v1.History{CreatedBy: "import " + args[0], Comment: o.message},
		Config: func(config *v1.Image, more map[string]json.RawMessage) error {
			config.Platform = v1.Platform{OS: o.os, Architecture: o.arch, Variant: o.variant}
			return imagechange.Apply(&config.Config, more, o.changes)
		},
	})
	if err != nil {
		return err
	}
	store.NoteImage("import", id, args[1])
	_, err = fmt.Fprintln(stdout, "sha256:"+id)
	return err
}

// source opens the archive: stdin, an address or a file.
func source(ctx context.Context, name string, stdin io.Reader) (io.ReadCloser, error) {
	switch {
	case name == "-":
		if f, ok := stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			return nil, errclass.New(errclass.Usage, "-", errors.New("an archive does not come from a terminal: redirect stdin"))
		}
		return io.NopCloser(stdin), nil
	case strings.HasPrefix(name, "http://"), strings.HasPrefix(name, "https://"):
		return fetch(ctx, name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, errclass.New(errclass.NotFound, name, err)
	}
	return f, nil
}

func fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errclass.New(errclass.Usage, address, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, errclass.New(errclass.Network, address, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	class := errclass.Network
	if answer.StatusCode == http.StatusNotFound {
		class = errclass.NotFound
	}
	return nil, errors.Join(errclass.New(class, address, fmt.Errorf("%s: %s", address, answer.Status)), answer.Body.Close())
}
