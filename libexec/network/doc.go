// SPDX-License-Identifier: Apache-2.0

// Package network puts containers on networks.
//
// A Network is a definition, one file. A Set is where they are kept, and what is
// on them now. Setup gives a container a network namespace and puts it on the
// networks that it asks for; Teardown undoes that, whatever of it there is.
//
//	set := network.Open(network.Options{Dir: graphRoot + "/tug/networks", RunDir: runRoot + "/tug"})
//	n, err := set.Default(ctx)
//	joined, err := set.Setup(ctx, network.Container{
//		ID: id, Name: "web", Ports: []network.Port{{Host: 8080, Container: 80}},
//	}, []network.Attachment{{Network: n.Name}})
//	...
//	err = set.Teardown(ctx, id)
//
// How a container is put on a network is the business of a Driver. Those that are
// built in make a bridge, which is pairs of interfaces by netlink, addresses from a
// directory of the network, ports and masquerading by nftables in a table of its own;
// interfaces on a link of the host's (macvlan); and, by a program that is started for
// each container, a connection without any rights on the host (pasta).
//
// # What is on disk
//
//	DIR/NAME.json                 a definition
//	DIR/lock                      held while one is made, changed or removed, and while a
//	                              container comes to one
//	RUNDIR/netns/ID               the namespace of a container, mounted there
//	RUNDIR/networks/NAME/ID.json  that it is on the network, and how
//	RUNDIR/networks/NAME/addresses/ADDRESS  a link whose target is the ID that has it
//	RUNDIR/networks/pasta/ID.pid  the process of pasta
//	RUNDIR/networks/.lock         held by who changes the host's bridges, where /run has no lock
//	RUNDIR/names/NAME/            the names on the network: see package names
//
// The file that says that a container is on a network is written before anything
// is made for it, and removed when nothing of that is left: what a killed process
// leaves is found by it. After a reboot the run directory is gone, and with it
// what it spoke of.
//
// # When not to use it
//
// The host's own network, none, and that of another container need nothing of
// this: a path to a namespace, at most.
package network
