// SPDX-License-Identifier: Apache-2.0

// Package version holds the version of the project, which all its programs
// share.
package version

import (
	"runtime"
	"runtime/debug"
)

// Version is the release, or the one that is being worked on.
const Version = "0.1.0-dev"

// Info is what a build knows about itself.
type Info struct {
	Version   string
	GoVersion string
	// GitCommit is empty when the build did not record it; a trailing "+"
	// marks changes that were not committed.
	GitCommit string
	OsArch    string
}

// Get reads the build's own record.
func Get() Info {
	info := Info{
		Version:   Version,
		GoVersion: runtime.Version(),
		OsArch:    runtime.GOOS + "/" + runtime.GOARCH,
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	modified := false
	for _, s := range build.Settings {
		switch s.Key {
		case "vcs.revision":
			info.GitCommit = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified && info.GitCommit != "" {
		info.GitCommit += "+"
	}
	return info
}
