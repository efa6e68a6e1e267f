// SPDX-License-Identifier: Apache-2.0

// Package cni is the network.Driver for networks that somebody else has defined:
// every configuration in the directories of CNI, the Container Network Interface,
// with any plugin.
//
//	d := cni.Driver{ConfigDirs: []string{"/etc/cni/net.d"}, PluginDirs: cni.PluginDirs(),
//		RunDir: runDir, Program: []string{"/usr/bin/tug-network", "cni"}}
//	set := network.Open(network.Options{..., Drivers: []network.Driver{d}})
//
// Plugins are started by a program, which links libcni (package plugin): so what
// starts containers does not, and a plugin that hangs is killed with all that it has
// started. Package plugin is that program's side.
//
// ADD, DEL, CHECK and GC are as the specification 1.1 has them. DEL gets what ADD
// got, from the container's own record, whatever has become of the configuration
// meanwhile; it is tried at every plugin, also when one of them fails.
//
// # What is on disk
//
//	RUNDIR/cni/results/NETWORK-ID-INTERFACE  what ADD has answered (libcni's own files)
//	RUNDIR/cni/ID.lock                       held while a plugin works for a container
//
// # When not to use it
//
// The built-in bridge does the same in a tenth of the time.
package cni
