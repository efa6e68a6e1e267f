// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"github.com/tug-containers/tug/libexec"
)

// Options are a container to run. Exactly one of Image and Rootfs is set.
type Options struct {
	// Image is a name or an ID.
	Image string
	// Pull is when to ask a registry: always, missing, newer or never.
	Pull string
	// Puller is the command line of tug-pull, to which the policy and the name
	// are added. Empty: a missing image is an error.
	Puller []string
	// Rootfs is a directory to run instead of an image; with RootfsOverlay it
	// stays as it is, and changes go where an image's would.
	Rootfs        string
	RootfsOverlay bool

	// Name of the container; empty for a generated one. Replace removes a
	// container that has it, and ends it first if it runs.
	Name    string
	Replace bool
	// Remove removes the container when it has ended. With neither Detach nor
	// keys to detach it is then a child of this process; any other container has
	// a monitor.
	Remove bool
	// CIDFile is written for the caller. An existing one is an error.
	CIDFile string
	Labels  map[string]string

	// Runtime is the name or path of the OCI runtime; empty for the first that
	// works.
	Runtime string
	// Warn, when not nil, is called with what is worth telling, and no error.
	Warn func(message string)
	// Detach returns when the container runs. OnStart, when not nil, is called
	// then with its ID.
	Detach  bool
	OnStart func(id string)
	// DetachKeys leave a container with a terminal alone; see
	// libexec.ParseDetachKeys.
	DetachKeys []byte
	Programs   Programs

	// Stdio is the container's; see libexec.Stdio.
	Stdio libexec.Stdio
	// SocketEnv is environment that speaks of Stdio.Extra, and so is not kept with
	// the container: at another start they are not there.
	SocketEnv []string
	// Signals are passed on to the container. The end of the context stops only
	// the preparation when they are set: a signal that ends the context must
	// reach the container once, and as what it is.
	Signals *libexec.Signals

	// PublishAll publishes all ports that the image exposes, and Expose.
	PublishAll bool

	// ImageVolumes says what becomes of the volumes that the image declares, and
	// VolumesFrom are containers whose volumes are mounted too. Both are resolved
	// into Volumes when the container is made.
	ImageVolumes string
	VolumesFrom  []VolumesFrom

	Config
}
