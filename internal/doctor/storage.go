// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

// places is where the store is, and the driver that was chosen; "" for whatever
// works.
type places struct{ root, run, driver string }

func (v *View) places() (places, error) {
	conf, err := types.DefaultStoreOptions()
	if err != nil {
		return places{}, errclass.New(errclass.Usage, "storage.conf", fmt.Errorf("read storage.conf: %w", err))
	}
	records, err := libstorage.OpenRecords(context.Background(), v.store)
	if err != nil {
		return places{}, err
	}
	p := places{records.Root(), records.RunRoot(), conf.GraphDriverName}
	if v.store.Driver != "" {
		p.driver = v.store.Driver
	}
	return p, nil
}

// graphRoot is where images and containers are.
func graphRoot(_ context.Context, v *View) Finding {
	p, err := v.places()
	if err != nil {
		return broken("", "%s", oneLine(err))
	}
	if f, good := v.directory(p.root, 0o022); !good {
		return f
	}
	kind, mount := kindOf(p.root), quote(mountOf(p.root))
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(p.root), &fs); err != nil {
		return broken("", "%s: %v", p.root, err)
	}
	switch {
	case fs.Flags&unix.ST_RDONLY != 0:
		return limited(v.sudo("mount -o remount,rw %s", mount), "%s is on %s mounted read-only: what is there can be looked at", p.root, kind)
	case fs.Flags&unix.ST_NOEXEC != 0:
		return limited(v.sudo("mount -o remount,exec %s", mount), "%s is on %s mounted noexec: vfs runs nothing there", p.root, kind)
	case fs.Flags&unix.ST_NOSUID != 0 && v.root():
		return limited("mount -o remount,suid "+mount, "%s is on %s mounted nosuid: setuid programs of images have no effect", p.root, kind)
	case remote(fs.Type):
		return limited(v.moveStore(), "%s is on %s: no overlay, no ids of others, and locks may be missing", p.root, kind)
	case uint64(fs.Type) == unix.TMPFS_MAGIC:
		return limited(v.moveStore(), "%s is on tmpfs: images are in memory, and gone after a reboot", p.root)
	}
	return ok("%s on %s", p.root, kind)
}

// moveStore puts the store of a user on a local disk.
func (v *View) moveStore() string {
	conf, dir := "/etc/containers/storage.conf", "/var/lib/containers/storage"
	if !v.root() {
		conf, dir = filepath.Join(v.configHome(), "containers/storage.conf"), filepath.Join("/var/tmp", "containers-"+v.name)
	}
	return fmt.Sprintf("mkdir -p %s && printf '[storage]\\ndriver = \"overlay\"\\ngraphroot = \"%%s\"\\n' %s >%s",
		quote(filepath.Dir(conf)), quote(dir), quote(conf))
}

// runRoot is where the state is that ends with the boot.
func runRoot(_ context.Context, v *View) Finding {
	p, err := v.places()
	if err != nil {
		return broken("", "%s", oneLine(err))
	}
	if f, good := v.directory(p.run, 0o022); !good {
		return f
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(p.run), &fs); err != nil {
		return broken("", "%s: %v", p.run, err)
	}
	switch {
	case fs.Flags&unix.ST_RDONLY != 0:
		return broken(v.sudo("mount -o remount,rw %s", quote(mountOf(p.run))), "%s is on a file system mounted read-only", p.run)
	case remote(fs.Type):
		return broken("", "%s is on %s: sockets and locks do not work there; set runroot in storage.conf, or XDG_RUNTIME_DIR", p.run, kindOf(p.run))
	}
	return ok("%s on %s", p.run, kindOf(p.run))
}

// directory looks at one that is ours, or that we would have to make.
func (v *View) directory(path string, forbidden uint32) (Finding, bool) {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	if err == unix.ENOENT {
		above := existing(path)
		if err := unix.Access(above, unix.W_OK|unix.X_OK); err != nil && err != unix.EROFS {
			return broken(v.sudo("install -d -m 700 -o %s %s", quote(v.name), quote(path)), "%s is not there, and %s cannot be written by %s", path, above, v.name), false
		}
		return Finding{}, true
	}
	word := quote(path)
	switch {
	case err != nil:
		return broken("", "%s: %v", path, err), false
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return broken(v.sudo("mv %s %s", word, quote(path+".old")), "%s is not a directory", path), false
	case int(st.Uid) != v.uid:
		return broken(v.sudo("chown -h %s %s", quote(v.name), word), "%s belongs to the user %d, not to %s", path, st.Uid, v.name), false
	case st.Mode&forbidden != 0:
		return broken(fmt.Sprintf("chmod go-w %s", word), "%s can be written by others (mode %04o): they can change what containers run", path, st.Mode&0o7777), false
	}
	if err := unix.Access(path, unix.W_OK|unix.X_OK); err != nil && err != unix.EROFS {
		return broken(fmt.Sprintf("chmod u+rwx %s", word), "%s cannot be written by %s (mode %04o)", path, v.name, st.Mode&0o7777), false
	}
	return Finding{}, true
}

// Room that a store needs, and that a pull does.
const (
	leastBytes, fewBytes   = 64 << 20, 1 << 30
	leastInodes, fewInodes = 1000, 20000
)

// space looks at bytes and inodes where the graph root is.
func space(_ context.Context, v *View) Finding {
	p, err := v.places()
	if err != nil {
		return broken("", "%s", oneLine(err))
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(existing(p.root), &fs); err != nil {
		return broken("", "%s: %v", p.root, err)
	}
	free, inodes := fs.Bavail*uint64(fs.Bsize), fs.Ffree
	if fs.Files == 0 { // it counts none
		inodes = fewInodes
	}
	const prune = "tug prune --all --volumes"
	text := fmt.Sprintf("%d MiB and %d inodes free at %s", free>>20, inodes, p.root)
	switch {
	case free < leastBytes || inodes < leastInodes:
		return broken(prune, "%s: too few", text)
	case free < fewBytes || inodes < fewInodes:
		return limited(prune, "%s: few", text)
	case fs.Files == 0:
		return ok("%d MiB free at %s", free>>20, p.root)
	}
	return ok("%s", text)
}

// mountOf is the mount point that a path is on.
func mountOf(path string) string {
	path = existing(path)
	for path != "/" {
		var st unix.Statx_t
		if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_TYPE, &st); err != nil || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
			return path
		}
		path = filepath.Dir(path)
	}
	return path
}

func (v *View) configHome() string {
	if dir := v.getenv("XDG_CONFIG_HOME"); dir != "" {
		return dir
	}
	return filepath.Join(v.home(), ".config")
}

func (v *View) home() string {
	if home := v.getenv("HOME"); home != "" {
		return home
	}
	if u, err := user.LookupId(strconv.Itoa(v.uid)); err == nil {
		return u.HomeDir
	}
	return "/"
}
