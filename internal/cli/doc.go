// SPDX-License-Identifier: Apache-2.0

// Package cli is what the commands share: start-up, global flags, exit codes
// and the form of error lines. A command's main is
//
//	func main() { cli.Main(images.New()) }
//
// and everything else is in internal/command/VERB, whose New returns a cobra
// command with RunE set. The package links neither image transports nor
// net/http, because the commands that touch containers link it.
package cli
