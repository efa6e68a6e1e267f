// SPDX-License-Identifier: Apache-2.0

package info

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/storage/pkg/configfile"
	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"
)

type store struct {
	ConfigFile         string            `json:"configFile"`
	ContainerStore     containers        `json:"containerStore"`
	GraphDriverName    string            `json:"graphDriverName"`
	GraphOptions       map[string]string `json:"graphOptions"`
	GraphRoot          string            `json:"graphRoot"`
	GraphRootAllocated uint64            `json:"graphRootAllocated"`
	GraphRootUsed      uint64            `json:"graphRootUsed"`
	GraphStatus        map[string]string `json:"graphStatus"`
	ImageCopyTmpDir    string            `json:"imageCopyTmpDir"`
	ImageStore         images            `json:"imageStore"`
	RunRoot            string            `json:"runRoot"`
	VolumePath         string            `json:"volumePath"`
}

type containers struct {
	Number  int `json:"number"`
	Paused  int `json:"paused"`
	Running int `json:"running"`
	Stopped int `json:"stopped"`
}

type images struct {
	Number int `json:"number"`
}

func storeFacts(ctx context.Context, s *libstorage.Store) (f store, err error) {
	tug := filepath.Join(s.Root(), "tug")
	f = store{
		ConfigFile: configFile(), GraphDriverName: s.Driver(), GraphRoot: s.Root(), RunRoot: s.RunRoot(),
		GraphOptions: map[string]string{}, GraphStatus: map[string]string{},
		ImageCopyTmpDir: filepath.Join(tug, "tmp"), VolumePath: filepath.Join(tug, "volumes"),
	}
	lib := s.Library()
	for _, option := range lib.GraphOptions() {
		key, value, _ := strings.Cut(option, "=")
		f.GraphOptions[key] = value
	}
	lines, err := lib.Status()
	if err != nil {
		return f, fmt.Errorf("state of the storage driver: %w", err)
	}
	for _, line := range lines {
		f.GraphStatus[line[0]] = line[1]
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(s.Root(), &fs); err != nil {
		return f, &os.PathError{Op: "statfs", Path: s.Root(), Err: err}
	}
	f.GraphRootAllocated = fs.Blocks * uint64(fs.Bsize)
	f.GraphRootUsed = (fs.Blocks - fs.Bfree) * uint64(fs.Bsize)
	all, err := s.Images(ctx)
	if err != nil {
		return f, err
	}
	f.ImageStore.Number = len(all)
	ours, err := s.Containers(ctx)
	if err != nil {
		return f, err
	}
	f.ContainerStore.Number = len(ours)
	for i := range ours {
		switch st := status.Of(&ours[i]); {
		case st.State == status.Paused:
			f.ContainerStore.Paused++
		case st.Lives():
			f.ContainerStore.Running++
		default:
			f.ContainerStore.Stopped++
		}
	}
	return f, nil
}

// configFile is the storage.conf that is read first; "" when there is none.
func configFile() string {
	for item, err := range configfile.Read(&configfile.File{
		Name: "storage", Extension: "conf", EnvironmentName: "CONTAINERS_STORAGE_CONF", UserId: unshare.GetRootlessUID(),
	}) {
		if err != nil {
			return ""
		}
		return item.Name
	}
	return ""
}

// registries are those that short names are searched in, and those that have an
// entry of their own.
func registries() (map[string]any, error) {
	found := map[string]any{}
	all, err := sysregistriesv2.GetRegistries(nil)
	if err != nil {
		return nil, fmt.Errorf("registries.conf: %w", err)
	}
	for _, r := range all {
		found[r.Prefix] = r
	}
	search, err := sysregistriesv2.UnqualifiedSearchRegistries(nil)
	if err != nil {
		return nil, fmt.Errorf("registries.conf: %w", err)
	}
	if len(search) > 0 {
		found["search"] = search
	}
	return found, nil
}
