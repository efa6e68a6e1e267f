// SPDX-License-Identifier: Apache-2.0

package images

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// listing is the images to show, and what is read about them when somebody
// asks.
type listing struct {
	ctx     context.Context
	store   *libstorage.Store
	now     time.Time
	images  []libstorage.Image
	lineage *libstorage.Lineage
	key     string // what is sorted by
}

func (l *listing) relatives() (_ *libstorage.Lineage, err error) {
	if l.lineage == nil {
		l.lineage, err = l.store.Lineage(l.ctx)
	}
	return l.lineage, err
}

// labels of an image; none when its config cannot be read.
func (l *listing) labels(img libstorage.Image) map[string]string {
	cfg, err := l.store.Config(l.ctx, img.ID)
	if err != nil {
		return nil
	}
	return cfg.Config.Labels
}

// row is one line of the table: an image has one for each of its names. Its
// fields, and those of Field, are what a template can use.
type row struct {
	Repository, Tag, ID, Digest           string
	CreatedSince, CreatedAt, Created      string
	Size, VirtualSize                     string
	CreatedTime                           time.Time
	Names, RepoTags, RepoDigests, History []string
	ReadOnly, Dangling                    bool
	Error                                 string

	list *listing
	img  libstorage.Image
}

const none = "<none>"

func (l *listing) rows(noTrunc bool) []row {
	var rows []row
	for _, img := range l.images {
		names := slices.Sorted(slices.Values(img.Names))
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			rows = append(rows, l.row(img, name, noTrunc))
		}
	}
	// The names of one image need not stay together.
	switch l.key {
	case "repository":
		slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.Repository, b.Repository) })
	case "tag":
		slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.Tag, b.Tag) })
	}
	return rows
}

func (l *listing) row(img libstorage.Image, name string, noTrunc bool) row {
	repository, tag, _ := libstorage.SplitName(name)
	r := row{
		Repository: cmp.Or(repository, none), Tag: cmp.Or(tag, none),
		ID: "sha256:" + img.ID, Digest: cmp.Or(img.Digest.String(), none),
		CreatedSince: cli.Ago(img.Created, l.now), CreatedAt: img.Created.String(), CreatedTime: img.Created,
		Size: cli.Size(img.Size), Names: img.Names, RepoTags: img.Names, RepoDigests: img.RepoDigests(),
		History: img.History, ReadOnly: img.ReadOnly, Dangling: len(img.Names) == 0,
		list: l, img: img,
	}
	if !noTrunc {
		r.ID = img.ID[:min(len(img.ID), 12)]
	}
	if img.Err != nil {
		r.Error, r.Size = img.Err.Error(), "damaged"
	}
	r.Created, r.VirtualSize = r.CreatedSince, r.Size
	return r
}

// Field has what takes reading to know, and podman's other names.
func (r *row) Field(name string) (any, bool, error) {
	switch name {
	case "Id":
		return r.img.ID, true, nil
	case "Labels":
		return r.list.labels(r.img), true, nil
	case "ParentID", "ParentId":
		lineage, err := r.list.relatives()
		if err != nil {
			return nil, true, err
		}
		return lineage.Parent(r.img.ID), true, nil
	}
	return nil, false, nil
}

// MarshalJSON makes {{json .}} the object that --format json has.
func (r *row) MarshalJSON() ([]byte, error) {
	e, err := r.list.entry(r.img)
	if err != nil {
		return nil, err
	}
	return json.Marshal(e)
}

// entry is an image in --format json.
type entry struct {
	ID          string            `json:"Id"`
	ParentID    string            `json:"ParentId"`
	RepoTags    []string          `json:"RepoTags"`
	RepoDigests []string          `json:"RepoDigests"`
	Size        int64             `json:"Size"`
	SharedSize  int64             `json:"SharedSize"`
	VirtualSize int64             `json:"VirtualSize"`
	Labels      map[string]string `json:"Labels"`
	Containers  int               `json:"Containers"`
	ReadOnly    bool              `json:"ReadOnly,omitempty"`
	Dangling    bool              `json:"Dangling,omitempty"`
	Names       []string          `json:"Names"`
	Digest      digest.Digest     `json:"Digest"`
	History     []string          `json:"History"`
	Created     int64             `json:"Created"`
	CreatedAt   string            `json:"CreatedAt"`
	Error       string            `json:"Error,omitempty"`
}

func (l *listing) entry(img libstorage.Image) (entry, error) {
	lineage, err := l.relatives()
	if err != nil {
		return entry{}, err
	}
	e := entry{
		ID: img.ID, ParentID: lineage.Parent(img.ID), RepoTags: list0(img.Names), RepoDigests: list0(img.RepoDigests()),
		Size: img.Size, VirtualSize: img.Size, Labels: l.labels(img), ReadOnly: img.ReadOnly, Dangling: len(img.Names) == 0,
		Names: list0(img.Names), Digest: img.Digest, History: list0(img.History),
		Created: img.Created.Unix(), CreatedAt: img.Created.UTC().Format("2006-01-02T15:04:05Z"),
	}
	if img.Err != nil {
		e.Error = img.Err.Error()
	}
	return e, nil
}

// list0 makes an empty list of none, so that JSON has [] and not null.
func list0(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (l *listing) print(w io.Writer, o options, format cli.Format) error {
	switch {
	case o.quiet:
		return l.printIDs(w, o.noTrunc)
	case format.JSON:
		entries := make([]entry, 0, len(l.images))
		for _, img := range l.images {
			e, err := l.entry(img)
			if err != nil {
				return err
			}
			entries = append(entries, e)
		}
		return cli.WriteJSON(w, entries)
	case !format.Default():
		return cli.Write(w, format, l.rows(o.noTrunc), !o.noHeading)
	}
	var t cli.Table
	if !o.noHeading {
		t.Heading = columns(o.digests, "REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE")
	}
	for _, r := range l.rows(o.noTrunc) {
		t.Add(columns(o.digests, r.Repository, r.Tag, r.Digest, r.ID, r.CreatedSince, r.Size)...)
	}
	return t.Write(w)
}

func columns(digests bool, cells ...string) []string {
	if digests {
		return cells
	}
	return slices.Delete(cells, 2, 3)
}

func (l *listing) printIDs(w io.Writer, noTrunc bool) error {
	var b strings.Builder
	for _, img := range l.images {
		id := "sha256:" + img.ID
		if !noTrunc {
			id = img.ID[:min(len(img.ID), 12)]
		}
		fmt.Fprintln(&b, id)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type order func(a, b libstorage.Image) int

// orderOf reads --sort. What is equal stays in the order of the store.
func orderOf(key string) (order, error) {
	first := func(img libstorage.Image) string {
		if len(img.Names) == 0 {
			return ""
		}
		return img.Names[0]
	}
	tag := func(img libstorage.Image) string {
		_, tag, _ := libstorage.SplitName(first(img))
		return tag
	}
	switch key {
	case "created":
		return func(a, b libstorage.Image) int { return b.Created.Compare(a.Created) }, nil
	case "id":
		return func(a, b libstorage.Image) int { return cmp.Compare(a.ID, b.ID) }, nil
	case "repository":
		return func(a, b libstorage.Image) int { return cmp.Compare(first(a), first(b)) }, nil
	case "size":
		return func(a, b libstorage.Image) int { return cmp.Compare(a.Size, b.Size) }, nil
	case "tag":
		return func(a, b libstorage.Image) int { return cmp.Compare(tag(a), tag(b)) }, nil
	}
	return nil, errclass.New(errclass.Usage, "--sort", fmt.Errorf("--sort %q: must be created, id, repository, size or tag", key))
}

func (l *listing) sort(key string, by order) {
	l.key = key
	slices.SortStableFunc(l.images, by)
}
