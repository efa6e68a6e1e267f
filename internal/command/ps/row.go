// SPDX-License-Identifier: Apache-2.0

package ps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libstorage"
)

// listing is the containers to show, and what they have in common.
type listing struct {
	ctx           context.Context
	records       *libstorage.Records
	images        *images
	now           time.Time
	noTrunc, size bool
	namespaced    bool
	rows          []*row
}

// images is the store, opened when an image must be looked at: a list alone is
// three times as quick without.
type images struct {
	cmd  *cobra.Command
	opts libstorage.Options
	open *libstorage.Store
}

func (i *images) store(ctx context.Context) (_ *libstorage.Store, err error) {
	if i.open == nil {
		if err := cli.Enter(i.cmd); err != nil {
			return nil, err
		}
		i.open, err = libstorage.Open(ctx, i.opts)
	}
	return i.open, err
}

func (i *images) close() {
	if i.open != nil {
		i.open.Close()
	}
}

// row is a container. Its fields are computed when they are asked for.
type row struct {
	list   *listing
	info   *libstorage.ContainerInfo
	status status.Status
	asked  *launch.Config
	sizes  *sizes
	spaces *namespaces
}

type sizes struct {
	Root    int64 `json:"rootFsSize"`
	Changed int64 `json:"rwSize"`
}

func (l *listing) row(info *libstorage.ContainerInfo) *row {
	return &row{list: l, info: info, status: status.Of(info)}
}

// config is how the container was asked for; empty when nobody knows.
func (r *row) config() *launch.Config {
	if r.asked == nil {
		config, err := launch.ReadConfig(r.info)
		if err != nil {
			config = launch.Config{}
		}
		r.asked = &config
	}
	return r.asked
}

func (r *row) measure() (*sizes, error) {
	if r.sizes == nil && r.info.Err == nil {
		store, err := r.list.images.store(r.list.ctx)
		if err != nil {
			return nil, err
		}
		changed, whole, err := store.ContainerSize(r.list.ctx, r.info)
		if err != nil {
			return nil, err
		}
		r.sizes = &sizes{Root: whole, Changed: changed}
	}
	return r.sizes, nil
}

func short(id string) string { return id[:min(len(id), 12)] }

func (r *row) id() string {
	if r.list.noTrunc {
		return r.info.Record.ID
	}
	return short(r.info.Record.ID)
}

func (r *row) command() string {
	const longest = 17
	command := strings.Join(r.info.Record.Command, " ")
	if text := []rune(command); !r.list.noTrunc && len(text) > longest {
		return string(text[:longest]) + "..."
	}
	return command
}

func (r *row) created() string { return cli.Ago(r.info.Record.Created, r.list.now) }

func (r *row) sizeText() (string, error) {
	if !r.list.size {
		return "", errclass.New(errclass.Usage, "--format", errors.New("the size: only with --size"))
	}
	size, err := r.measure()
	if err != nil || size == nil {
		return "", err
	}
	return fmt.Sprintf("%s (virtual %s)", cli.CompactSize(size.Changed), cli.CompactSize(size.Root)), nil
}

// Field has what a template can ask for, by podman's names.
func (r *row) Field(name string) (any, bool, error) {
	rec := &r.info.Record
	switch name {
	case "ID", "Id":
		return r.id(), true, nil
	case "Image":
		return rec.ImageName, true, nil
	case "ImageID":
		if r.list.noTrunc {
			return rec.ImageID, true, nil
		}
		return short(rec.ImageID), true, nil
	case "Command":
		return r.command(), true, nil
	case "Created":
		return rec.Created, true, nil
	case "CreatedAt":
		return rec.Created.String(), true, nil
	case "CreatedHuman", "RunningFor":
		return r.created(), true, nil
	case "Status":
		return r.status.Text(r.list.now), true, nil
	case "State":
		return r.status.State, true, nil
	case "Names":
		return rec.Name, true, nil
	case "Labels":
		return rec.Labels, true, nil
	case "Size":
		text, err := r.sizeText()
		return text, true, err
	case "ExitCode":
		if r.status.Code == nil && r.status.Ended() {
			return "unknown", true, nil
		}
	}
	if number, ok := r.namespace(name); ok {
		return number, true, nil
	}
	return r.entry().field(name)
}

// Call is {{.Label "key"}}.
func (r *row) Call(name string, args []any) (any, error) {
	if key, ok := args[0].(string); ok && name == "Label" && len(args) == 1 {
		return r.info.Record.Labels[key], nil
	}
	return nil, fmt.Errorf(".%s: wants the name of a label", name)
}

// MarshalJSON makes {{json .}} the object that --format json has.
func (r *row) MarshalJSON() ([]byte, error) {
	e := r.entry()
	if r.list.size {
		size, err := r.measure()
		if err != nil {
			return nil, err
		}
		e.Size = size
	}
	return json.Marshal(e)
}
