// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/ondisk"
)

const fileLimit = 1 << 20

// used gives the names of the networks that have something in a run directory;
// the locks beside them are no networks.
func used(runDir string) ([]string, error) {
	names, err := ondisk.Names(filepath.Join(runDir, "networks"))
	return slices.DeleteFunc(names, func(name string) bool { return !validName(name) }), err
}

// jsonNames gives the names of the .json files in a directory, without that.
func jsonNames(dir string) ([]string, error) {
	all, err := ondisk.Names(dir)
	var names []string
	for _, name := range all {
		if name, ok := strings.CutSuffix(name, ".json"); ok && name != "" && name[0] != '.' {
			names = append(names, name)
		}
	}
	return names, err
}

// lock waits for the lock of a file.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	f, err := ondisk.Lock(ctx, path, 0o600)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}
