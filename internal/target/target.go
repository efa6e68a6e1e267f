// SPDX-License-Identifier: Apache-2.0

// Package target is how commands are told which containers they are for, and
// how they work on many of them at once:
//
//	targets, err := o.selection.Targets(ctx, store, args)
//	if err != nil {
//		return err
//	}
//	errs := target.Each(cmd, targets, func(ctx context.Context, t *target.Target) error {
//		return stop(ctx, &t.Info)
//	})
//	return target.Failure(cmd, errs, nil)
//
// It is for commands that do the same to each container. One that takes a
// single container asks the store.
package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libstorage"
)

// Selection is what the flags of a command say.
type Selection struct {
	// All containers, or the Latest one: that which was made last.
	All, Latest bool
	// Ignore leaves out what is named and not there.
	Ignore bool
	// Filters choose among all of them; see ParseFilter.
	Filters []string
	// CIDFiles are files with an ID each, as --cidfile of run writes them.
	CIDFiles []string
}

// Check tells whether flags and arguments go together, and say something.
func (s *Selection) Check(args []string) error {
	switch {
	case s.All && s.Latest:
		return errors.New("--all and --latest cannot be used together")
	case s.All && len(args) > 0:
		return errors.New("no arguments are needed with --all")
	case s.Latest && len(args) > 0:
		return errors.New("--latest and containers cannot be used together")
	case len(s.Filters) > 0 && len(args) > 0:
		return errors.New("--filter and containers cannot be used together")
	case len(s.CIDFiles) > 0 && (s.All || s.Latest || len(s.Filters) > 0):
		return errors.New("--cidfile cannot be used together with --all, --latest or --filter")
	case !s.several() && len(args) == 0 && len(s.CIDFiles) == 0:
		return errors.New("you must provide at least one name or id")
	}
	_, err := ParseFilter(s.Filters)
	return err
}

// several tells that the containers are not named.
func (s *Selection) several() bool { return s.All || s.Latest || len(s.Filters) > 0 }

// Target is one container to work on.
type Target struct {
	// Name is the argument as it was given, else the full ID.
	Name string
	// Result is what the command prints when all went well: the name, unless it
	// is changed.
	Result string
	// Info is what was found; its Err says when the record cannot be used.
	Info libstorage.ContainerInfo
	// Err says why nothing was found.
	Err error
}

// Usable is why the container cannot be worked on: it was not found, or its
// record cannot be read.
func (t *Target) Usable() error {
	if t.Err != nil {
		return t.Err
	}
	return t.Info.Err
}

// Targets finds the containers: those of args and CIDFiles in the order in which
// they are named, others the oldest first. A name without a container is a
// Target with an Err.
func (s *Selection) Targets(ctx context.Context, store *libstorage.Store, args []string) ([]Target, error) {
	if s.several() {
		return s.search(ctx, store)
	}
	names := slices.Clone(args)
	for _, file := range s.CIDFiles {
		id, err := readCIDFile(file)
		if s.Ignore && errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		names = append(names, id)
	}
	var targets []Target
	for _, name := range names {
		info, err := store.Container(ctx, name)
		if s.Ignore && errors.Is(err, libstorage.ErrContainerUnknown) {
			continue
		}
		targets = append(targets, Target{Name: name, Result: name, Info: info, Err: err})
	}
	return targets, nil
}

func (s *Selection) search(ctx context.Context, store *libstorage.Store) ([]Target, error) {
	filter, err := ParseFilter(s.Filters)
	if err != nil {
		return nil, err
	}
	list, err := store.Containers(ctx)
	if err != nil {
		return nil, err
	}
	if s.Latest && len(list) > 0 {
		list = list[len(list)-1:]
	} else if s.Latest && !s.Ignore {
		return nil, errclass.New(errclass.NotFound, "--latest", fmt.Errorf("--latest: %w", libstorage.ErrContainerUnknown))
	}
	if list, err = filter.Select(ctx, store, func(context.Context) (*libstorage.Store, error) { return store, nil }, list); err != nil {
		return nil, err
	}
	targets := make([]Target, 0, len(list))
	for _, info := range list {
		targets = append(targets, Target{Name: info.Record.ID, Result: info.Record.ID, Info: info})
	}
	return targets, nil
}

// readCIDFile reads an ID, or a name: the first line.
func readCIDFile(path string) (string, error) {
	const limit = 4096
	f, err := os.Open(path)
	if err != nil {
		return "", errclass.New(errclass.NotFound, path, fmt.Errorf("container ID file: %w", err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return "", fmt.Errorf("container ID file: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if line = bytes.TrimSpace(line); len(line) == 0 || len(data) == limit {
		return "", errclass.New(errclass.Usage, path, fmt.Errorf("container ID file %s: no ID in it", path))
	}
	return string(line), nil
}
