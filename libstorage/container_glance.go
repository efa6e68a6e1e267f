// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// readContainers reads those that are still there, the oldest first. They are
// read many at once: half of the time is waiting for the kernel.
func (s *Records) readContainers(ctx context.Context, ids []string) ([]ContainerInfo, error) {
	const share = 16
	dir, err := unix.Open(s.tug("containers"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(dir)
	} else if err != unix.ENOENT {
		return nil, &os.PathError{Op: "open", Path: s.tug("containers"), Err: err}
	}
	found := make([]*ContainerInfo, len(ids))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(ids)+share-1)/share) {
		workers.Go(func() {
			var buf [4 << 10]byte // nearly every record fits
			for {
				end := int(next.Add(share))
				for i := end - share; i < min(end, len(ids)); i++ {
					if found[i] = s.glance(dir, ids[i], buf[:]); found[i] == nil {
						found[i] = s.listed(ids[i])
					}
				}
				if end >= len(ids) || ctx.Err() != nil {
					return
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(info *ContainerInfo) bool { return info == nil })
	slices.SortFunc(found, func(a, b *ContainerInfo) int {
		if order := a.Record.Created.Compare(b.Record.Created); order != 0 {
			return order
		}
		return strings.Compare(a.Record.ID, b.Record.ID)
	})
	list := make([]ContainerInfo, len(found))
	for i, info := range found {
		list[i] = *info
	}
	return list, nil
}

// glance reads a container that outlives its process in the directory of those,
// by one file: a list of a thousand spends its time in opening them. It is nil
// when that does not tell everything, and readContainer must.
func (s *Records) glance(dir int, id string, buf []byte) *ContainerInfo {
	data, err := readInto(dir, id+"/"+recordFile, buf)
	if err != nil || len(data) == len(buf) {
		return nil
	}
	info := &ContainerInfo{Dir: s.persistentDir(id)}
	if !decodeRecord(data, &info.Record) {
		return nil
	}
	r := &info.Record
	if r.Format != recordFormat || r.ID != id || !isRunDir(r.RunDir, id) {
		return nil
	}
	info.RunDir = r.RunDir
	info.overlay()
	return info
}

// listed is a container for a list; nil for one that was just removed, or is
// not finished.
func (s *Records) listed(id string) *ContainerInfo {
	info, err := s.readContainer(id)
	if errors.Is(err, ErrContainerUnknown) {
		return nil
	}
	if err != nil {
		info.Err = err
	}
	return &info
}
