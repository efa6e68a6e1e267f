// SPDX-License-Identifier: Apache-2.0

package libstorage

// A volume is a directory of its own:
//
//	GRAPHROOT/tug/volumes/
//	    NAME/
//	        volume.json   the record: Volume
//	        lock          see below
//	        _data/        the content
//	        staged/       content that is being made, until it becomes _data, and what
//	                      it has replaced, until that is removed
//	        users/ID      container ID has the volume
//	        mounted/ID    container ID may have it mounted as it is now
//	    .new-ID/          one that is being made
//	    .gone-ID/         one that is being removed
//
// It is made beside, with all that belongs to it, and gets its name by one
// rename: there is one winner, and no half-made volume has a name. It is removed
// by the reverse of that. What was cut short is found by Collect.
//
// Who changes a volume, or decides by who uses it, has the lock: an OFD lock on
// the file, which dies with its holder. The lock of a container comes before
// that of a volume, and nobody has the locks of two volumes.
//
// A container is a user of its volumes from before it has a record until it is
// gone, and a user that is gone does not count. So nobody has to read the records
// of all containers to know whether a volume can be removed.
//
// The content that an image has at the place of a volume is copied into staged,
// synced, and renamed over _data, which works only while that is empty. When a
// process is killed in it, the volume is as it was. A container that runs with
// the volume would not see the new directory; that is what mounted/ is for.
//
// ReplaceVolume gives a volume new content in the same way, by one exchange of the
// two directories. It refuses a volume that a container runs with, which would go on
// with the old one. A container is marked as being at work before it looks for
// staged, and staged is made before ReplaceVolume looks for containers: one of the two
// sees the other, and the container waits for the lock.
