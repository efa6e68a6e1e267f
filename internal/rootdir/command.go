// SPDX-License-Identifier: Apache-2.0

package rootdir

import (
	"io/fs"
	"path"
	"strings"
)

// Candidates gives the paths inside the root that a command may mean, in the
// order in which they are tried: one for a command with a slash, taken from cwd
// when it is relative, else one for each directory of pathEnv.
func Candidates(command, pathEnv, cwd string) []string {
	if strings.Contains(command, "/") {
		return []string{absolute(command, cwd)}
	}
	var candidates []string
	for dir := range strings.SplitSeq(pathEnv, ":") {
		candidates = append(candidates, path.Join(absolute(dir, cwd), command))
	}
	return candidates
}

func absolute(name, cwd string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join("/", cwd, name)
}

// LookPath gives the path inside the root of an executable regular file for a
// command, as the shell's PATH search would. When there is none, it gives the
// first file that was found but cannot be executed, with fs.ErrPermission, else
// fs.ErrNotExist.
func (d *Dir) LookPath(command, pathEnv, cwd string) (string, error) {
	var blocked string
	for _, candidate := range Candidates(command, pathEnv, cwd) {
		info, err := d.Stat(candidate)
		switch {
		case err != nil:
			continue
		case info.IsRegular() && info.Executable():
			return candidate, nil
		case blocked == "":
			blocked = candidate
		}
	}
	if blocked != "" {
		return blocked, &fs.PathError{Op: "exec", Path: blocked, Err: fs.ErrPermission}
	}
	return "", &fs.PathError{Op: "exec", Path: command, Err: fs.ErrNotExist}
}
