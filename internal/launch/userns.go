// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// UserNS says which user namespace a container gets. The zero value is that of its
// starter.
type UserNS struct {
	// Text is how it was asked for.
	Text string `json:"text,omitzero"`
	// UIDs and GIDs are the mappings of one of its own.
	UIDs []idmap.Range `json:"uids,omitzero"`
	GIDs []idmap.Range `json:"gids,omitzero"`
	// SubUID and SubGID are users of /etc/subuid and /etc/subgid whose ranges are
	// mapped, from 0 on.
	SubUID string `json:"subuid,omitzero"`
	SubGID string `json:"subgid,omitzero"`
	// Keep has the caller's own ids where KeepUID and KeepGID say; NoMap has them
	// nowhere.
	Keep    bool    `json:"keep,omitzero"`
	KeepUID *uint32 `json:"keepUID,omitempty"`
	KeepGID *uint32 `json:"keepGID,omitempty"`
	NoMap   bool    `json:"nomap,omitzero"`
	// Auto are ids that no other container has.
	Auto *libstorage.AutoIDs `json:"auto,omitempty"`
	// Container and Path are a namespace that is there.
	Container string `json:"container,omitzero"`
	Path      string `json:"path,omitzero"`
}

func (u *UserNS) refuse(format string, args ...any) error {
	return errclass.New(errclass.Unsupported, "--userns", fmt.Errorf("--userns "+u.Text+": "+format, args...))
}

// userNamespace settles the ids of a container that is made.
func (l *launcher) userNamespace(ctx context.Context, create *libstorage.ContainerOptions) (err error) {
	u := &l.o.UserNS
	switch {
	case u.Auto != nil:
		create.AutoIDs = u.Auto
		return nil
	case u.Container != "":
		create.IDs, err = l.idsOf(ctx, u.Container)
	case u.Path != "":
		create.IDs, err = libexec.NamespaceIDs(u.Path)
	case u.Keep || u.NoMap:
		create.IDs, err = u.own(&l.o.Exec)
	case u.SubUID != "" || u.SubGID != "":
		create.IDs, err = u.fromFiles()
	case len(u.UIDs) > 0 || len(u.GIDs) > 0:
		create.IDs = &idmap.Mapping{UIDs: u.UIDs, GIDs: u.GIDs}
	}
	if err != nil || create.IDs.IsZero() {
		create.IDs = nil
		return err
	}
	if err := create.IDs.Check(); err != nil {
		return errclass.New(errclass.Usage, "--userns", err)
	}
	return nil
}

// own are the mappings that depend on who we are.
func (u *UserNS) own(e *libexec.Options) (*idmap.Mapping, error) {
	inner, err := idmap.Own()
	if err != nil {
		return nil, err
	}
	if inner == nil {
		if u.NoMap || u.KeepUID != nil || u.KeepGID != nil {
			return nil, u.refuse("it is about the ids of an ordinary user, and this is root")
		}
		all := []idmap.Range{{Size: 1<<32 - 1}}
		return &idmap.Mapping{UIDs: all, GIDs: all}, nil
	}
	if u.NoMap {
		ids := &idmap.Mapping{UIDs: shifted(inner.UIDs), GIDs: shifted(inner.GIDs)}
		if ids.UIDs == nil || ids.GIDs == nil {
			return nil, u.refuse("there are no ids but the user's own: /etc/subuid and /etc/subgid give more")
		}
		return ids, nil
	}
	uid, gid := inner.UIDs[0].Host, inner.GIDs[0].Host
	if u.KeepUID != nil {
		uid = *u.KeepUID
	}
	if u.KeepGID != nil {
		gid = *u.KeepGID
	}
	if e.User == "" {
		e.User = fmt.Sprintf("%d:%d", uid, gid)
	}
	return &idmap.Mapping{UIDs: around(inner.UIDs, uid), GIDs: around(inner.GIDs, gid)}, nil
}

// count is how many numbers a namespace has from 0 on.
func count(inner []idmap.Range) (n uint32) {
	for _, r := range inner {
		if r.Container == n {
			n += r.Size
		}
	}
	return n
}

// shifted maps all numbers of a namespace but 0, which is the user's own.
func shifted(inner []idmap.Range) []idmap.Range {
	if n := count(inner); n > 1 {
		return []idmap.Range{{Host: 1, Size: n - 1}}
	}
	return nil
}

// around maps the user's own number, 0 in our namespace, to id, and all others
// around it.
func around(inner []idmap.Range, id uint32) []idmap.Range {
	n := count(inner)
	own := idmap.Range{Container: id, Host: 0, Size: 1}
	before := min(id, n-1)
	var ranges []idmap.Range
	if before > 0 {
		ranges = append(ranges, idmap.Range{Container: 0, Host: 1, Size: before})
	}
	ranges = append(ranges, own)
	if after := n - 1 - before; after > 0 {
		ranges = append(ranges, idmap.Range{Container: id + 1, Host: 1 + before, Size: after})
	}
	return ranges
}

// fromFiles maps the ranges of users in /etc/subuid and /etc/subgid.
func (u *UserNS) fromFiles() (*idmap.Mapping, error) {
	uidName, gidName := u.SubUID, u.SubGID
	if uidName == "" {
		uidName = gidName
	}
	if gidName == "" {
		gidName = uidName
	}
	var ids idmap.Mapping
	for _, f := range []struct {
		file, user string
		to         *[]idmap.Range
	}{{"/etc/subuid", uidName, &ids.UIDs}, {"/etc/subgid", gidName, &ids.GIDs}} {
		sub, err := libstorage.ReadSubIDs(f.file, f.user)
		if err != nil {
			return nil, err
		}
		next := uint32(0)
		for _, r := range sub.Ranges() {
			*f.to = append(*f.to, idmap.Range{Container: next, Host: r.Host, Size: r.Size})
			next += r.Size
		}
	}
	return &ids, nil
}

// idsOf are the ids of another container.
func (l *launcher) idsOf(ctx context.Context, name string) (*idmap.Mapping, error) {
	info, err := l.store.Container(ctx, name)
	if err == nil {
		err = info.Err
	}
	if err != nil {
		return nil, fmt.Errorf("--userns container:%s: %w", name, err)
	}
	return info.Record.IDs, nil
}

// tellIDs says why a container with ids of its own waits for its first start.
func (l *launcher) tellIDs() {
	if why := l.container.CopiesImage(); why != "" && l.o.Warn != nil {
		l.o.Warn(why)
	}
}

// errNotRunning is for a namespace that is to be shared with nobody.
func errNotRunning(flag, name string) error {
	return errclass.New(errclass.Conflict, name, fmt.Errorf("%s container:%s: it is not running", flag, name))
}
