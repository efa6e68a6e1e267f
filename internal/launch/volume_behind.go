// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// Behind gives the directory of the host that is at a place of a container when
// that runs, and the rest of the place in it: that of a volume or of a bind mount.
// It gives no directory where neither is.
func Behind(ctx context.Context, store *libstorage.Store, c *libstorage.ContainerInfo, place string) (dir, rest string, err error) {
	config, err := ReadConfig(c)
	if err != nil {
		return "", "", err
	}
	var volume *Volume
	source, deepest := "", ""
	nearer := func(destination string) bool {
		if len(destination) < len(deepest) || !strings.HasPrefix(place+"/", destination+"/") {
			return false
		}
		deepest = destination
		return true
	}
	place = path.Clean("/" + place)
	for _, m := range config.Exec.Mounts {
		if nearer(path.Clean(m.Destination)) {
			volume, source = nil, m.Source // which a tmpfs has not
		}
	}
	for i := range config.Volumes {
		if v := &config.Volumes[i]; nearer(path.Clean(v.Destination)) {
			volume, source = v, ""
		}
	}
	rest = place[len(deepest):]
	if volume != nil && volume.ofStore() {
		source, err = volume.behind(ctx, store)
	}
	if info, serr := os.Stat(source); err != nil || source == "" || serr != nil || !info.IsDir() {
		return "", "", err
	}
	return source, rest, nil
}

func (v *Volume) behind(ctx context.Context, store *libstorage.Store) (string, error) {
	found, err := store.Volume(ctx, v.Name)
	if err == nil {
		err = found.Err
	}
	switch {
	case err != nil:
		return "", err
	case v.Covered || v.Subpath != "" || found.HasFilesystem():
		return "", errclass.New(errclass.Unsupported, v.Name, fmt.Errorf(
			"volume %s: what is mounted at %s is not there while the container does not run", v.Name, v.Destination))
	}
	return found.Path, nil
}
