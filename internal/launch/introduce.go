// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/names"
	"golang.org/x/sys/unix"
)

// On a network without a resolver containers know each other by lines of /etc/hosts,
// which are written while they run. Each of these ends with a mark that tells whose
// it is; all others are the container's own.

const (
	hostsMark  = " # tug:"
	hostsLimit = 1 << 20
)

// introduce is called when the files of the container are there.
func (l *launcher) introduce(ctx context.Context) error {
	if l.set == nil {
		return nil
	}
	return introduce(ctx, l.store, l.set, l.joined)
}

// introduce tells a container who is on such networks of its own, and those who it is.
func introduce(ctx context.Context, store places, set *network.Set, joined []network.Joined) error {
	return acquaint(ctx, store, set, joined, func(own, other *network.Joined) error {
		err := editHosts(store, other.Container.ID, own.Container.ID, own.Network, hostsLine(own))
		return errors.Join(err, editHosts(store, own.Container.ID, other.Container.ID, own.Network, hostsLine(other)))
	})
}

// forget takes a container that has left out of what the others know, and the others
// out of what it knows.
func forget(ctx context.Context, store places, set *network.Set, left []network.Joined) error {
	return acquaint(ctx, store, set, left, func(own, other *network.Joined) error {
		err := editHosts(store, other.Container.ID, own.Container.ID, own.Network, "")
		return errors.Join(err, editHosts(store, own.Container.ID, other.Container.ID, own.Network, ""))
	})
}

// acquaint calls edit for each other container of these networks. On pasta each is
// alone.
func acquaint(ctx context.Context, store places, set *network.Set, joined []network.Joined, edit func(own, other *network.Joined) error) error {
	silent := slices.DeleteFunc(slices.Clone(joined), func(j network.Joined) bool { return j.DNS || len(j.Addresses) == 0 || j.Driver == network.Pasta })
	if len(silent) == 0 {
		return nil
	}
	return alone(ctx, store, func() (err error) {
		for i := range silent {
			on, oerr := set.On(silent[i].Network)
			err = errors.Join(err, oerr)
			for k := range on {
				if on[k].Up && on[k].Container.ID != silent[i].Container.ID {
					err = errors.Join(err, edit(&silent[i], &on[k]))
				}
			}
		}
		return err
	})
}

// alone edits files of containers while nobody else does.
func alone(ctx context.Context, store places, edit func() error) (err error) {
	lock, err := names.Lock(ctx, filepath.Join(store.RunRoot(), "tug", "networks", ".hosts"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return edit()
}

// hostsLine is one for each address; a container without a name has none.
func hostsLine(j *network.Joined) string {
	known := slices.DeleteFunc(append([]string{j.Container.Name}, j.Aliases...), func(name string) bool { return name == "" })
	if len(known) == 0 {
		return ""
	}
	var s strings.Builder
	for _, address := range j.Addresses {
		s.WriteString(address.Addr().String() + "\t" + strings.Join(known, " ") + hostsMark + j.Container.ID[:12] + ":" + j.Network + "\n")
	}
	return s.String()
}

// editHosts replaces the lines of another container in the file of one.
func editHosts(store places, in, of, on, lines string) error {
	return editFile(filepath.Join(store.RunRoot(), "tug", in, "hosts"), func(text string) string {
		text = withoutMarked(text, hostsMark+of[:12]+":"+on)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + lines
	})
}

// editFile changes a file of a container. It is mounted, so it is written in place;
// one that is not there is nobody's to edit, and one that the container has made too
// large is its own.
func editFile(path string, edit func(text string) string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, hostsLimit+1))
	if err != nil || len(data) > hostsLimit {
		return errors.Join(err, f.Close())
	}
	if text := edit(string(data)); text != string(data) {
		if _, err = f.WriteAt([]byte(text), 0); err == nil {
			err = f.Truncate(int64(len(text)))
		}
	}
	return errors.Join(err, f.Close())
}

func withoutMarked(text, mark string) string {
	if !strings.Contains(text, mark) {
		return text
	}
	var s strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(strings.TrimSuffix(line, "\n"), mark) {
			s.WriteString(line)
		}
	}
	return s.String()
}
