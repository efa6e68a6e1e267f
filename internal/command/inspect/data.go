// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/libstorage"
)

// imageData is an image as podman shows it. Templates can use its fields.
type imageData struct {
	ID           string            `json:"Id"`
	Digest       digest.Digest     `json:"Digest"`
	RepoTags     []string          `json:"RepoTags"`
	RepoDigests  []string          `json:"RepoDigests"`
	Parent       string            `json:"Parent"`
	Comment      string            `json:"Comment"`
	Created      *time.Time        `json:"Created"`
	Config       *v1.ImageConfig   `json:"Config"`
	Version      string            `json:"Version"`
	Author       string            `json:"Author"`
	Architecture string            `json:"Architecture"`
	Variant      string            `json:"Variant,omitempty"`
	Os           string            `json:"Os"`
	Size         int64             `json:"Size"`
	VirtualSize  int64             `json:"VirtualSize"`
	GraphDriver  driverData        `json:"GraphDriver"`
	RootFS       rootFS            `json:"RootFS"`
	Labels       map[string]string `json:"Labels"`
	Annotations  map[string]string `json:"Annotations"`
	ManifestType string            `json:"ManifestType"`
	User         string            `json:"User"`
	History      []v1.History      `json:"History"`
	NamesHistory []string          `json:"NamesHistory"`
	HealthCheck  *healthCheck      `json:"Healthcheck,omitempty"`
	ReadOnly     bool              `json:"ReadOnly,omitempty"`
}

type driverData struct {
	Name string            `json:"Name"`
	Data map[string]string `json:"Data"`
}

type rootFS struct {
	Type   string          `json:"Type"`
	Layers []digest.Digest `json:"Layers"`
}

// healthCheck is what docker's config has beside OCI's; times in nanoseconds.
type healthCheck struct {
	Test          []string      `json:"Test,omitempty"`
	StartPeriod   time.Duration `json:"StartPeriod,omitempty"`
	StartInterval time.Duration `json:"StartInterval,omitempty"`
	Interval      time.Duration `json:"Interval,omitempty"`
	Timeout       time.Duration `json:"Timeout,omitempty"`
	Retries       int           `json:"Retries,omitempty"`
}

// startupCheck is the check of a container until it is up.
type startupCheck struct {
	healthCheck
	Successes int `json:"Successes,omitempty"`
}

// Field has podman's other name for ID.
func (d *imageData) Field(name string) (any, bool, error) { return d.ID, name == "Id", nil }

// inspect gathers everything; it fails for an image that is damaged.
func inspect(ctx context.Context, s *libstorage.Store, id string) (*imageData, error) {
	img, err := s.Image(ctx, id)
	if err != nil {
		return nil, err
	}
	raw, err := s.RawConfig(ctx, id)
	if err != nil {
		return nil, err
	}
	cfg, err := s.Config(ctx, id)
	if err != nil {
		return nil, err
	}
	d := &imageData{
		ID: img.ID, Digest: img.Digest, RepoTags: list0(img.Names), RepoDigests: list0(img.RepoDigests()),
		Created: cfg.Created, Config: &cfg.Config, Author: cfg.Author,
		Architecture: cfg.Architecture, Variant: cfg.Variant, Os: cfg.OS,
		RootFS: rootFS{cfg.RootFS.Type, cfg.RootFS.DiffIDs}, Labels: cfg.Config.Labels, User: cfg.Config.User,
		Annotations: map[string]string{}, History: cfg.History, NamesHistory: img.History, ReadOnly: img.ReadOnly,
	}
	if err := d.fromManifest(ctx, s, cfg); err != nil {
		return nil, err
	}
	d.fromDocker(raw)
	if d.Size, err = s.Size(ctx, id); err != nil {
		return nil, err
	}
	d.VirtualSize = d.Size
	d.GraphDriver.Name = s.Driver()
	if d.GraphDriver.Data, err = s.DriverData(ctx, id); err != nil {
		return nil, err
	}
	lineage, err := s.Lineage(ctx)
	if err != nil {
		return nil, err
	}
	d.Parent = lineage.Parent(id)
	return d, nil
}

func (d *imageData) fromManifest(ctx context.Context, s *libstorage.Store, cfg *v1.Image) error {
	raw, err := s.Manifest(ctx, d.ID)
	if err != nil {
		return err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return fmt.Errorf("%s: manifest: %w: %w", d.ID, libstorage.ErrDamaged, err)
	}
	d.ManifestType = manifest.MediaType
	if d.ManifestType == "" {
		d.ManifestType = v1.MediaTypeImageManifest
	}
	if manifest.Annotations != nil {
		d.Annotations = manifest.Annotations
	}
	if d.ManifestType == v1.MediaTypeImageManifest && len(cfg.History) > 0 {
		d.Comment = cfg.History[0].Comment
	}
	return nil
}

// fromDocker reads what docker has in a config, and OCI has not. It is extra:
// what does not fit is left out.
func (d *imageData) fromDocker(raw []byte) {
	var cfg struct {
		Comment       string `json:"comment"`
		DockerVersion string `json:"docker_version"`
		Config        struct {
			Healthcheck *healthCheck
		} `json:"config"`
	}
	if json.Unmarshal(raw, &cfg) != nil {
		return
	}
	d.Version, d.HealthCheck = cfg.DockerVersion, cfg.Config.Healthcheck
	if cfg.Comment != "" {
		d.Comment = cfg.Comment
	}
}

func list0(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
