// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/libexec"
)

// examineRuntime tries a runtime, or those that could be chosen when it is "".
func (v *View) examineRuntime(ctx context.Context, name string) ([]libexec.Examined, error) {
	o, err := v.runtimeOptions()
	if err != nil {
		return nil, err
	}
	if name != "" {
		o.Name = name
	}
	places, err := v.places()
	if err != nil {
		return nil, err
	}
	// The file system of the store allows execution, if any does.
	dir, err := scratch(places.root)
	if err != nil {
		dir, err = os.MkdirTemp("", "tug-doctor-")
	}
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	o.StateDir, o.ScratchDir = filepath.Join(dir, "state"), dir
	found, err := libexec.Examine(ctx, o, v.root())
	for i := range found {
		if !v.root() { // a user's runtime runs in the user's namespace
			found[i].Err = v.inProcess(ctx, nil, TrialRuntime, found[i].Path)
		}
	}
	return found, err
}

// runtimeFinding looks at one of the usual runtimes.
func (v *View) runtimeFinding(ctx context.Context, name string) Finding {
	found, err := v.examineRuntime(ctx, name)
	switch {
	case errors.Is(err, libexec.ErrRuntimeNotFound):
		return ok("not installed")
	case err != nil:
		return broken("", "%s", oneLine(err))
	}
	r := found[0]
	said, _, _ := strings.Cut(r.Version(ctx), "\n")
	switch outdated := r.Outdated(ctx); {
	case r.Err != nil:
		return limited("", "%s does not run a container: %s", r.Path, oneLine(r.Err))
	case said == "":
		return limited("", "%s does not say its version", r.Path)
	case outdated != "":
		return limited(v.install(packages{name, name, name, name, name}), "%s works; %s", r.Path, outdated)
	}
	return ok("%s, %s", r.Path, said)
}

// chosenRuntime looks for the one that run would take.
func chosenRuntime(ctx context.Context, v *View) Finding {
	install := v.install(packages{"crun", "crun", "crun", "crun", "crun"})
	found, err := v.examineRuntime(ctx, "")
	if err != nil {
		return broken(install, "%s", oneLine(err))
	}
	for _, r := range found {
		if r.Err == nil {
			return ok("%s is used", r.Path)
		}
	}
	if len(found) == 0 {
		return broken(install, "neither crun nor runc is installed")
	}
	return broken(install, "none works: %s", oneLine(found[0].Err))
}
