// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/libstorage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
	"golang.org/x/sys/unix"
)

// TestOracle: a pull stores what the storage library stores by itself, for all
// that a layer can have.
func TestOracle(t *testing.T) {
	ours, theirs, server := newStore(t), newStore(t), hostile.New(t, hostile.Options{})
	for name, layers := range odd(t) {
		t.Run(name, func(t *testing.T) {
			ref := server.Add(layered(t, layers), "app")
			before, err := ours.Library().Layers()
			if err != nil {
				t.Fatal(err)
			}
			got, err := libimage.Pull(t.Context(), ours, ref, libimage.PullOptions{Access: plain(t)})
			stockErr := byLibrary(t, theirs, ref)
			if (err == nil) != (stockErr == nil) {
				t.Fatalf("ours: %v\nthe library's: %v", err, stockErr)
			}
			if err != nil {
				oneLine(t, err, ref)
				if after, err := ours.Library().Layers(); err != nil || len(after) != len(before) {
					t.Errorf("%d layers, before the pull %d, %v", len(after), len(before), err)
				}
			}
			if left(t, filepath.Join(ours.Root(), "overlay", "staging")); t.Failed() {
				return
			}
			left(t, filepath.Join(ours.Root(), "tug", "tmp"))
			if err != nil {
				return
			}
			img, err := theirs.Image(t.Context(), got.ID)
			if err != nil {
				t.Fatal(err)
			}
			same(t, ours, theirs, img.TopLayer)
		})
	}
	// It was us: the library makes this directory for nobody else.
	if _, err := os.Stat(filepath.Join(ours.Root(), "overlay", "staging")); err != nil {
		t.Error(err)
	}
}

// layered is an image of these layers and no other.
func layered(t *testing.T, layers []images.Layer) *images.Built {
	return smallImage(t, func(i *images.Image) { i.Layers = layers })
}

// byLibrary copies an image with nothing of ours.
func byLibrary(t *testing.T, store *libstorage.Store, ref string) error {
	t.Helper()
	from, err := docker.ParseReference("//" + ref)
	if err != nil {
		t.Fatal(err)
	}
	to, err := istorage.Transport.NewStoreReference(store.Library(), from.DockerReference(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}
	pc, err := signature.NewPolicyContext(&signature.Policy{Default: all})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Destroy() }()
	sys := &types.SystemContext{
		DockerInsecureSkipTLSVerify: types.OptionalBoolTrue, BigFilesTemporaryDir: t.TempDir(),
		SystemRegistriesConfPath: write(t, "registries.conf", ""), BlobInfoCacheDir: t.TempDir(),
	}
	_, err = copy.Image(t.Context(), pc, to, from, &copy.Options{SourceCtx: sys, DestinationCtx: sys})
	return err
}

// same compares layers from the top one down.
func same(t *testing.T, ours, theirs *libstorage.Store, id string) {
	t.Helper()
	for depth := 0; id != ""; depth++ {
		a, err := ours.Library().Layer(id)
		if err != nil {
			t.Fatalf("layer %s: %v", id, err)
		}
		b, err := theirs.Library().Layer(id)
		if err != nil {
			t.Fatalf("layer %s: %v", id, err)
		}
		say := func(l *storage.Layer) string {
			return fmt.Sprintf("%s on %s: %s %d uids %v gids %v", l.ID, l.Parent, l.UncompressedDigest, l.UncompressedSize, l.UIDs, l.GIDs)
		}
		if say(a) != say(b) {
			t.Errorf("layers differ:\n%s\n%s", say(a), say(b))
		}
		// Of a layer that it has already, the library may forget how it came.
		if b.CompressedDigest != a.CompressedDigest && b.CompressedDigest != b.UncompressedDigest {
			t.Errorf("layer %s: %s, the library's: %s", id, a.CompressedDigest, b.CompressedDigest)
		}
		one, other := tree(t, layerDir(ours, id)), tree(t, layerDir(theirs, id))
		if depth == 0 || len(one) != 1 {
			for _, path := range slices.Sorted(maps.Keys(one)) {
				if one[path] != other[path] {
					t.Errorf("%s:\n%s, the library's:\n%s", path, one[path], other[path])
				}
			}
		}
		for path := range other {
			if one[path] == "" {
				t.Errorf("%s is missing: %s", path, other[path])
			}
		}
		if sum, err := exported(ours, id); err != nil || sum != a.UncompressedDigest {
			if their, theirErr := exported(theirs, id); (err == nil) != (theirErr == nil) || sum != their {
				t.Errorf("exported: %s %v, the library's: %s %v", sum, err, their, theirErr)
			}
		}
		id = a.Parent
	}
}

func layerDir(store *libstorage.Store, id string) string {
	return filepath.Join(store.Root(), "overlay", id, "diff")
}

func exported(store *libstorage.Store, id string) (digest.Digest, error) {
	plain := archive.Uncompressed
	diff, err := store.Library().Diff("", id, &storage.DiffOptions{Compression: &plain})
	if err != nil {
		return "", err
	}
	defer diff.Close()
	return digest.FromReader(diff)
}

// tree describes all files beneath a directory.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all, inodes := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "mode %o owner %d:%d device %x links %d", st.Mode, st.Uid, st.Gid, st.Rdev, st.Nlink)
		// What has no entry of its own is as old as its making, and so is what the
		// layer takes away.
		if now := time.Now().Unix(); now-st.Mtim.Sec > 3600 || now < st.Mtim.Sec {
			fmt.Fprintf(&b, " mtime %d.%09d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		if first, ok := inodes[st.Ino]; ok {
			fmt.Fprintf(&b, " is %s", first)
		} else {
			inodes[st.Ino] = name
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " size %d %s", st.Size, digest.FromBytes(raw))
		case unix.S_IFLNK:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " to %q", target)
		}
		for _, key := range xattrs(path) {
			value := make([]byte, 64<<10)
			n, err := unix.Lgetxattr(path, key, value)
			fmt.Fprintf(&b, " %s=%q %v", key, value[:max(n, 0)], err)
		}
		all[name] = b.String()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func xattrs(path string) []string {
	raw := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, raw)
	if err != nil || n == 0 {
		return nil
	}
	names := strings.Split(strings.TrimSuffix(string(raw[:n]), "\x00"), "\x00")
	slices.Sort(names)
	return names
}

// TestLayersElsewhere: the layers below are in an additional image store.
func TestLayersElsewhere(t *testing.T) {
	shared, server := newStore(t), hostile.New(t, hostile.Options{})
	layers := odd(t)["the same layer again"]
	base := server.Add(layered(t, layers[:1]), "base")
	if _, err := libimage.Pull(t.Context(), shared, base, libimage.PullOptions{Access: plain(t)}); err != nil {
		t.Fatal(err)
	}
	// By another name: in one process, a file has one kind of lock.
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Symlink(shared.Root(), elsewhere); err != nil {
		t.Fatal(err)
	}
	store := storetest.Open(t, libstorage.Options{DriverOptions: []string{"imagestore=" + elsewhere}})
	ref := server.Add(layered(t, layers), "app")
	if _, err := libimage.Pull(t.Context(), store, ref, libimage.PullOptions{Access: plain(t)}); err != nil {
		t.Error(err)
	}
}
