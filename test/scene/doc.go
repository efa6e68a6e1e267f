// SPDX-License-Identifier: Apache-2.0

// Package scene is what tests of the real binaries stand on: the binaries,
// built once, and a store of its own for each test, with the configuration
// that makes every tool of the field find it.
//
//	bin, clean, err := scene.Binaries()
//	home, err := scene.Furnish(dir, scene.Options{Bin: bin, Runtime: "crun"})
//	cmd.Env = home.Environ()
//	... and at the end: scene.Mounts(dir), scene.Holders(dir)
package scene
