// SPDX-License-Identifier: Apache-2.0

package unpack

import "go.podman.io/storage/pkg/reexec"

// Init is the first line of main.
func Init() bool { return reexec.Init() }
