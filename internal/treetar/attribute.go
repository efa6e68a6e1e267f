// SPDX-License-Identifier: Apache-2.0

package treetar

import (
	"encoding/binary"
	"strings"

	"golang.org/x/sys/unix"
)

// capability is the attribute with the capabilities of a program.
const capability = "security.capability"

// attribute is how the names of extended attributes begin in an archive.
const attribute = "SCHILY.xattr."

// written tells whether an attribute of a file is written into an archive. What an
// overlay notes for itself, an access control list with the host's numbers and the
// host's label are not the file's.
func written(name string) bool {
	return !ofOverlay(name) && !strings.HasPrefix(name, "system.") && name != "security.selinux"
}

// kept tells whether an attribute in an archive is given to a file: what podman
// keeps, less what would be the note of an overlay.
func kept(name string) bool {
	return name == capability || strings.HasPrefix(name, "user.") && !ofOverlay(name)
}

func ofOverlay(name string) bool {
	return strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.")
}

// The forms of the attribute: revision 2 holds wherever the file is seen, and
// revision 3 for a user namespace, by the host's number of its root.
const (
	revisionMask = 0xff000000
	revision2    = 0x02000000
	revision3    = 0x03000000
	size2, size3 = 20, 24
)

// capabilityInside gives capabilities as an archive has them, which knows no
// numbers of the host: nothing when they are for another namespace than that whose
// root has this number.
func capabilityInside(value []byte, root uint32) []byte {
	switch {
	case len(value) == size2 && revision(value) == revision2:
		return value
	case len(value) == size3 && revision(value) == revision3 && binary.LittleEndian.Uint32(value[size2:]) == root:
		return withRevision(value[:size2], revision2)
	}
	return nil
}

// capabilityOutside gives capabilities of an archive as they hold for the namespace
// whose root has this number; nothing of those that make no sense. 0 is our own.
func capabilityOutside(value []byte, root uint32) []byte {
	if len(value) != size2 || revision(value) != revision2 {
		return nil
	}
	if root == 0 {
		return value
	}
	return binary.LittleEndian.AppendUint32(withRevision(value, revision3), root)
}

func revision(value []byte) uint32 { return binary.LittleEndian.Uint32(value) & revisionMask }

func withRevision(value []byte, revision uint32) []byte {
	flags := binary.LittleEndian.Uint32(value) &^ revisionMask
	return append(binary.LittleEndian.AppendUint32(nil, flags|revision), value[4:]...)
}

// attributes gives a file the attributes that an entry of an archive has. A file
// system without any is no error.
func (x *extractor) attributes(place string, records map[string]string) error {
	for key, value := range records {
		name, ok := strings.CutPrefix(key, attribute)
		if !ok || !kept(name) {
			continue
		}
		data := []byte(value)
		if name == capability {
			root, _ := x.opts.IDs.Root()
			if data = capabilityOutside(data, root); data == nil {
				continue
			}
		}
		if err := unix.Setxattr(place, name, data, 0); err != nil && err != unix.ENOTSUP {
			return err
		}
	}
	return nil
}
