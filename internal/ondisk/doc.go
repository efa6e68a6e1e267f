// SPDX-License-Identifier: Apache-2.0

// Package ondisk has what all state on the disk is written and read with: files that
// are whole or as they were, directories whose entries survive a power cut, and locks
// that end with their holder.
//
//	lock, err := ondisk.Lock(ctx, dir+"/lock", 0o600)
//	if err != nil {
//		return err
//	}
//	defer lock.Close()
//	return ondisk.Replace(dir+"/record.json", data, 0o600, true)
//
// It is not for what is in a container's root file system: see package rootdir.
//
// It links the standard library and golang.org/x/sys alone, as the monitor does.
package ondisk
