// SPDX-License-Identifier: Apache-2.0

package unpack

import (
	"fmt"
	"os"
	"strings"

	"go.podman.io/storage/pkg/reexec"
	"go.podman.io/storage/pkg/unshare"
)

const (
	untarName = "storage-untar"
	applyName = "storage-applyLayer"
	rootFD    = 4 // the layer's directory, for untarName and layerName
)

// Init is the first line of main. It returns false in the program itself, and
// true, or not at all, in a process that the storage library or this one started.
func Init() bool {
	var err error
	switch os.Args[0] {
	case untarName:
		err = confine(func() error { return enterFD(rootFD) })
	case applyName:
		if len(os.Args) != 2 {
			err = fmt.Errorf("internal error: %d arguments", len(os.Args)-1)
			break
		}
		err = confine(func() error { return enter(os.Args[1]) })
	case layerName:
		if err = confine(func() error { return enterFD(rootFD) }); err == nil {
			err = work(os.Args[1:])
		}
		if err == nil {
			os.Exit(0)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "confine the unpacking process: %v\n", err)
		os.Exit(1)
	}
	return reexec.Init()
}

// confine gives up everything; enter changes the root.
func confine(enter func() error) error {
	unshare.IsRootless() // the library asks /proc once, and remembers
	dropEnvironment()
	if err := limitResources(); err != nil {
		return err
	}
	if err := enter(); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if err := restrictFiles(); err != nil {
		return err
	}
	return restrictCalls()
}

// dropEnvironment keeps the options of the library, which has those that say
// what user namespace it is in under names of its own.
func dropEnvironment() {
	kept := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if name == "OPT" || strings.HasPrefix(name, "_CONTAINERS_") {
			kept[name] = value
		}
	}
	os.Clearenv()
	for name, value := range kept {
		_ = os.Setenv(name, value) // names that were there are valid
	}
}
