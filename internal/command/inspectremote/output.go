// SPDX-License-Identifier: Apache-2.0

package inspectremote

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

// output is an image as skopeo shows it. Templates can use its fields.
type output struct {
	Name          string `json:",omitempty"`
	Tag           string `json:",omitempty"`
	Digest        digest.Digest
	RepoTags      []string
	Created       *time.Time
	DockerVersion string
	Labels        map[string]string
	Architecture  string
	Os            string
	Layers        []string
	LayersData    []layer `json:",omitempty"`
	Env           []string
}

type layer struct {
	MIMEType    string
	Digest      digest.Digest
	Size        int64
	Annotations map[string]string
}

func outputOf(found *libimage.Inspected) output {
	o := output{
		Name: found.Name, Tag: found.Info.Tag, Digest: found.Digest, RepoTags: found.Tags,
		Created: found.Info.Created, DockerVersion: found.Info.DockerVersion, Labels: found.Info.Labels,
		Architecture: found.Info.Architecture, Os: found.Info.Os, Layers: found.Info.Layers, Env: found.Info.Env,
	}
	if o.RepoTags == nil {
		o.RepoTags = []string{}
	}
	for _, l := range found.Info.LayersData {
		o.LayersData = append(o.LayersData, layer(l))
	}
	return o
}

// artifact is what can be said of something that is no image.
type artifact struct {
	Name         string `json:",omitempty"`
	Digest       digest.Digest
	MediaType    string
	ArtifactType string
	Size         int64
	RepoTags     []string
	Layers       []string
}

func artifactOf(found *libimage.Inspected) artifact {
	a := artifact{
		Name: found.Name, Digest: found.Digest, MediaType: found.MediaType, ArtifactType: found.ArtifactType,
		Size: int64(len(found.Manifest)), RepoTags: found.Tags, Layers: found.Info.Layers,
	}
	sort.Strings(a.Layers)
	return a
}

// write prints one object, through the template where there is one.
func write[T any](w io.Writer, format cli.Format, item T) error {
	if format.JSON || format.Default() {
		return cli.WriteJSON(w, item)
	}
	return cli.Write(w, format, []T{item}, true)
}

// writeConfig prints the config: as it is with --raw, else in OCI's form.
func (o *options) writeConfig(name string, found *libimage.Inspected, w io.Writer) error {
	if len(found.Config) == 0 {
		return errclass.New(errclass.Unsupported, name, fmt.Errorf("%s: %w: it has no config (%s)", name, libimage.ErrNotImage, found.ArtifactType))
	}
	if o.raw {
		_, err := w.Write(found.Config)
		return err
	}
	var config v1.Image
	if err := json.Unmarshal(found.Config, &config); err != nil {
		return errclass.New(errclass.Verification, name, fmt.Errorf("%s: config: %w", name, err))
	}
	return cli.WriteJSON(w, config)
}
