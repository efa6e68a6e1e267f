// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/rootdir"
)

// imageIDs is how many ids the image of a container uses: those that its layers
// are known to have, and those of its users and groups.
func (s *Store) imageIDs(ctx context.Context, r *Record) (uint32, error) {
	most := uint32(autoLeast - 1)
	note := func(id uint32) { most = max(most, id) }
	if r.ImageID != "" {
		img, err := s.record(ctx, r.ImageID)
		if err != nil {
			return 0, err
		}
		for layer := img.TopLayer; layer != ""; {
			l, err := s.lib.Layer(layer)
			if err != nil {
				return 0, damaged(img.ID, "layer "+shortID(layer), err)
			}
			for _, id := range append(l.UIDs, l.GIDs...) {
				note(id)
			}
			layer = l.Parent
		}
	}
	for _, dir := range s.absolute(r.Layers) {
		if err := noteUsers(dir, note); err != nil {
			return 0, err
		}
	}
	if most >= autoMost {
		return 0, errclass.New(errclass.Unsupported, "--userns", fmt.Errorf("the image has the id %d; auto:size=%d asks for as many", most, most+1))
	}
	return most + 1, nil
}

// userFileLimit bounds /etc/passwd and /etc/group of an image.
const userFileLimit = 4 << 20

// noteUsers reads the numbers in the user files of one layer. Those of nobody would
// make every image need 65536.
func noteUsers(dir string, note func(id uint32)) error {
	root, err := rootdir.Open(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, file := range []struct {
		name   string
		fields []int
	}{{"/etc/passwd", []int{2, 3}}, {"/etc/group", []int{2}}} {
		data, err := root.ReadFile(file.name, userFileLimit)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			continue // it is no file: who runs the image says so
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Split(strings.TrimSpace(line), ":")
			for _, i := range file.fields {
				if i >= len(fields) || fields[0] == "nobody" || fields[0] == "nogroup" {
					continue
				}
				if id, err := strconv.ParseUint(fields[i], 10, 32); err == nil && id != idmap.Nobody && id != 1<<32-1 {
					note(uint32(id))
				}
			}
		}
	}
	return nil
}

// mapsIDs tells whether layers of this store can be mounted with other ids. The
// answer is remembered by the driver, for this boot.
func (s *Store) mapsIDs() bool {
	driver, err := s.lib.GraphDriver()
	return err == nil && driver.SupportsShifting(nil, nil)
}

// Translate gives the ids of a container for what is seen of its files on the host,
// and back: nil for one without a user namespace. They differ wherever its root file
// system is mounted, and not in its layers on the disk.
func (info *ContainerInfo) Translate() *idmap.Mapping {
	if info.Record.IDs.IsZero() {
		return nil
	}
	return info.Record.IDs
}
