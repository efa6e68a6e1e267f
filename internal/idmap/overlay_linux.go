// SPDX-License-Identifier: Apache-2.0

package idmap

// OverlayPrefix is what the names of the attributes begin with in which an overlay
// keeps its notes that we mount: in a user namespace those that a user may write.
// There the others cannot even be read, and elsewhere these are a container's to
// write, and say nothing.
func OverlayPrefix() (string, error) {
	own, err := Own()
	if err == nil && !own.IsZero() {
		return "user.overlay.", nil
	}
	return "trusted.overlay.", err
}
