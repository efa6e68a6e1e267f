// SPDX-License-Identifier: Apache-2.0

package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// choice is how the container can be named other than by the first argument.
type choice struct {
	latest  bool
	cidFile string
}

func (c *choice) register(f *pflag.FlagSet) {
	f.BoolVarP(&c.latest, "latest", "l", false, "Enter the container that was made last; no CONTAINER is given then")
	f.StringVar(&c.cidFile, "cidfile", "", "Enter the container whose ID is in this `FILE`; no CONTAINER is given then")
}

// split takes the container's name from the arguments; none with --latest.
func (c *choice) split(args []string) (name string, command []string, err error) {
	switch {
	case c.latest && c.cidFile != "":
		return "", nil, usage("--latest", errors.New("--latest and --cidfile exclude each other"))
	case c.latest:
		return "", args, nil
	case c.cidFile != "":
		name, err = readID(c.cidFile)
		return name, args, err
	case len(args) == 0 || args[0] == "":
		return "", nil, usage("", errors.New("exec requires the name or ID of a container or the --latest or --cidfile flag"))
	}
	return args[0], args[1:], nil
}

// readID reads what --cidfile of run wrote.
func readID(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", usage(path, fmt.Errorf("container ID file: %w", err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", usage(path, fmt.Errorf("container ID file: %w", err))
	}
	id, _, _ := strings.Cut(string(data), "\n")
	if id = strings.TrimSpace(id); id == "" {
		return "", usage(path, fmt.Errorf("container ID file %s: empty", path))
	}
	return id, nil
}

func (c *choice) find(ctx context.Context, store *libstorage.Records, name string) (libstorage.ContainerInfo, error) {
	if !c.latest {
		return store.Container(ctx, name)
	}
	all, err := store.Containers(ctx)
	if err != nil {
		return libstorage.ContainerInfo{}, err
	}
	if len(all) == 0 {
		return libstorage.ContainerInfo{}, errclass.New(errclass.NotFound, "", libstorage.ErrContainerUnknown)
	}
	return all[len(all)-1], nil // the oldest is the first
}

func usage(object string, err error) error { return errclass.New(errclass.Usage, object, err) }
