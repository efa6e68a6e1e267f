// SPDX-License-Identifier: Apache-2.0

// # Containers on disk
//
//	ROOT/tug/
//	    containers/ID/        outlives its process
//	        lock              held by who works on it; "ID\nRUNDIR\n"
//	        lease-IMAGE       a link to the lease of an image that it uses
//	        record.json       what is known of it
//	        upper/ work/      what it changed, and the kernel's
//	        volumes/N/        what it changed in directories of the host (:O)
//	    ephemeral/ID/         goes with its process, is not finished yet, or
//	        lock              is being removed: all that a Sweep looks at
//	        upper/ work/ volumes/
//	    names/NAME            a link to the lock file of who has the name
//	    leases/IMAGE          has one link more than containers use the image
//	RUNROOT/tug/ID/           the bundle; of both kinds
//	    record.json           of an ephemeral container
//	    pid                   written by the OCI runtime
//	    merged/               its root file system, mounted
//	    mounts/N/             images and overlays that it has mounted beside
//
// There is no index, and nothing that grows with the number of containers is
// read or written by a run.
//
// # Life of a container
//
// CreateContainer makes ephemeral/ID and its lock file, holds the lock, and
// signs the file. From then on everything that belongs to the container can be
// found from that directory, and a Sweep removes it as soon as the lock is
// free and no process of the container lives. The lease is taken in the
// background; then come the name, the run directory, upper and work, and the
// record. Mounting begins to take the lease, and Ready waits for it.
//
// A persistent container becomes one by a single rename, when its record is on
// the disk: from ephemeral/ID to containers/ID, where no Sweep looks. Its
// removal begins with the same rename the other way round. So a killed command
// leaves either the whole container or garbage that the next Sweep removes,
// and a list never shows half of one.
//
// Nothing of an ephemeral container is synced to the disk, and its overlay is
// mounted volatile: it is not meant to survive a crash of the machine. The
// record, the lock file, the name and the lease of a persistent one are synced
// before CreateContainer and Ready return.
//
// # Who may do what
//
// Reading (Containers, Container) takes no lock: a record is replaced
// atomically, and the state is derived from /proc. Changing wants the lock of
// the container, an OFD lock that dies with its holder, SIGKILL or not. It is
// the first lock of the order in the package's comment: who holds the lock of
// a container may wait for that of a lease, and who holds that of a lease may
// wait for the library's. The lock in names/ is held to drop a stale claim
// only, with no other one taken under it.
//
// A directory without a lock file may be removed by anybody with rmdir(2),
// which fails when a lock file appears. A lock file that was unlinked while
// somebody waited for it is known by its link count.
package libstorage
