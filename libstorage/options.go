// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/homedir"
	"go.podman.io/storage/pkg/unshare"
	"go.podman.io/storage/types"
)

// Options say which store to open. The zero value is what storage.conf says,
// as for podman, buildah and skopeo: the same store.
type Options struct {
	// Root is the graph root: images, layers, containers. Empty: storage.conf.
	// When set, the driver options of storage.conf do not apply.
	Root string
	// RunRoot holds what lives no longer than the boot. Empty: storage.conf,
	// or, with a Root of its own, a directory of its own beneath that one.
	RunRoot string
	// Driver is the storage driver: overlay, vfs, btrfs, zfs. Empty:
	// storage.conf, else the best that works here. When set, the driver
	// options of storage.conf do not apply.
	Driver string
	// DriverOptions are NAME=VALUE, as --storage-opt; when set they replace
	// those of storage.conf.
	DriverOptions []string
	// ContainersOnly promises that no image layers will be written, only
	// containers. The store then never waits until the whole file system is on
	// the disk (sync=filesystem): the lease of a container has an empty layer,
	// and what other programs have written is none of its concern.
	ContainersOnly bool
}

// resolve reads storage.conf and lays the options over it.
func (o Options) resolve() (storage.StoreOptions, error) {
	so, err := types.DefaultStoreOptions()
	if err != nil {
		return so, errclass.New(errclass.Usage, "storage.conf", fmt.Errorf("read storage.conf: %w", err))
	}
	if err := ownPlaces(&so); err != nil {
		return so, errclass.New(errclass.Usage, "storage.conf", fmt.Errorf("read storage.conf: %w", err))
	}
	var conf []string
	if o.Root == "" && o.Driver == "" {
		conf = so.GraphDriverOptions
	}
	if o.Root != "" {
		root, err := filepath.Abs(o.Root)
		if err != nil {
			return so, err
		}
		if root != so.GraphRoot && o.RunRoot == "" {
			// Two stores must not share the state of mounts and containers.
			so.RunRoot = filepath.Join(so.RunRoot, fmt.Sprintf("tug-root-%x", sha256.Sum256([]byte(root)))[:len("tug-root-")+16])
		}
		so.GraphRoot, so.ImageStore = root, ""
	}
	if o.RunRoot != "" {
		if so.RunRoot, err = filepath.Abs(o.RunRoot); err != nil {
			return so, err
		}
	}
	if o.Driver != "" {
		so.GraphDriverName = o.Driver
	}
	if so.GraphDriverName == "" && driverOf(so.GraphRoot) == "overlay" {
		so.GraphDriverName = "overlay" // also where another program has begun with another
	}
	if len(o.DriverOptions) > 0 {
		conf = o.DriverOptions
	}
	so.GraphDriverOptions = append(driverOptions(conf, o.ContainersOnly), singleOptions()...)
	return so, nil
}

// singleOptions are for a user namespace with one ID, to whom all files belong
// then: there is nobody else to give them to.
func singleOptions() []string {
	if ids, err := idmap.Own(); err == nil && !ids.IsZero() && ids.Users() == 1 {
		return []string{"overlay.ignore_chown_errors=true", "vfs.ignore_chown_errors=true"}
	}
	return nil
}

// ownPlaces gives an ordinary user places of the own, where a storage.conf of the
// system names root's: those of distributions do, and older versions of the
// library did not take it for the user's.
func ownPlaces(so *storage.StoreOptions) error {
	if unshare.GetRootlessUID() == 0 {
		return nil
	}
	if so.GraphRoot == "/var/lib/containers/storage" {
		data, err := homedir.GetDataHome()
		if err != nil {
			return err
		}
		so.GraphRoot = filepath.Join(data, "containers", "storage")
	}
	if so.RunRoot == "/run/containers/storage" || so.RunRoot == "/var/run/containers/storage" {
		run, err := homedir.GetRuntimeDir()
		if err != nil {
			return err
		}
		so.RunRoot = filepath.Join(run, "containers")
	}
	return nil
}

// driverOptions adds our defaults to those that were chosen.
func driverOptions(chosen []string, containersOnly bool) []string {
	opts := make([]string, 0, len(chosen)+3)
	var syncs, mounts bool
	for _, opt := range chosen {
		key, value, _ := strings.Cut(opt, "=")
		key = strings.ToLower(strings.TrimSpace(key))
		switch key[strings.LastIndexByte(key, '.')+1:] {
		case "sync":
			if containersOnly {
				continue
			}
			syncs = true
			if key == "vfs.sync" {
				opt = vfsSync + value
			}
		case "skip_mount_home":
			mounts = true
		}
		opts = append(opts, opt)
	}
	if !syncs && !containersOnly {
		// Exit 0 of a pull means that it survives a power cut.
		opts = append(opts, "overlay.sync=filesystem", vfsSync+"filesystem")
	}
	if !mounts {
		// No bind mount of the driver's directory on itself, which nobody
		// would ever undo: our own mounts are not made there.
		opts = append(opts, "overlay.skip_mount_home=true")
	}
	return opts
}

// vfsSync is how the vfs driver of storage v1.64.2 understands vfs.sync: it
// compares the name after the parser has cut the driver off.
const vfsSync = "vfs.vfs.sync="
