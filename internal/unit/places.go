// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// DirsEnv replaces the directories: absolute ones, with : between.
const DirsEnv = "QUADLET_UNIT_DIRS"

// Dirs are the directories with the files, the one that counts most first. They are
// Quadlet's; see podman-systemd.unit(5).
func Dirs(user bool, uid int, getenv func(string) string) []string {
	if value := getenv(DirsEnv); value != "" {
		return slices.DeleteFunc(filepath.SplitList(value), func(dir string) bool { return !filepath.IsAbs(dir) })
	}
	if !user {
		return []string{"/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd"}
	}
	var dirs []string
	if run := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) {
		dirs = append(dirs, filepath.Join(run, "containers/systemd"))
	}
	config := getenv("XDG_CONFIG_HOME")
	if home := getenv("HOME"); config == "" && home != "" {
		config = filepath.Join(home, ".config")
	}
	if filepath.IsAbs(config) {
		dirs = append(dirs, filepath.Join(config, "containers/systemd"))
	}
	const all = "/etc/containers/systemd/" + usersDir
	return append(dirs, filepath.Join(all, strconv.Itoa(uid)), all)
}

const usersDir = "users"

// Load reads all files in the directories and those below, with their drop-ins. A
// name that is there twice is that of the first directory. A file that cannot be read
// is in the Set, for Convert to say why; the error is about directories and names.
func Load(dirs []string, user bool, programs string) (*Set, error) {
	l := &loader{set: &Set{Programs: programs, User: user}, dropins: map[string][]string{}, linked: map[string]bool{}, names: map[string]bool{}}
	for _, dir := range dirs {
		l.collect(dir, user)
	}
	for _, path := range l.paths {
		if err := l.read(path); err != nil {
			l.errs = append(l.errs, err)
		}
	}
	return l.set, errors.Join(l.errs...)
}

type loader struct {
	set     *Set
	paths   []string
	linked  map[string]bool // paths that are symbolic links
	names   map[string]bool
	dropins map[string][]string // directory name (web.container.d) to files
	errs    []error
}

// filesLimit bounds what is looked at, in case a directory is none of files.
const filesLimit = 10_000

// collect finds the files below dir, and the drop-ins. Links to directories are
// followed at the top alone, which keeps us from going in circles. What is below
// "users" is of users: for the system it is left out, and there the directories below
// are each of one user.
func (l *loader) collect(dir string, user bool) {
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		l.errs = append(l.errs, err)
		return
	}
	seen := 0
	err = filepath.WalkDir(real, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			l.errs = append(l.errs, err)
			return nil
		}
		if seen++; seen > filesLimit {
			return fmt.Errorf("%s: more than %d files", dir, filesLimit)
		}
		name := d.Name()
		parent := filepath.Base(filepath.Dir(path))
		switch {
		case d.IsDir() && !user && name == usersDir && parent == filepath.Base(real):
			return filepath.SkipDir
		case d.IsDir() && user && filepath.Base(real) == usersDir && path != real && !strings.HasSuffix(name, ".d"):
			return filepath.SkipDir
		case d.IsDir():
		case strings.HasSuffix(parent, ".d") && strings.HasSuffix(name, ".conf"):
			list := l.dropins[parent]
			if !slices.ContainsFunc(list, func(p string) bool { return filepath.Base(p) == name }) {
				l.dropins[parent] = append(list, path)
			}
		case slices.Contains(Suffixes(), filepath.Ext(name)) && !validName(name):
			l.errs = append(l.errs, fmt.Errorf("%q: not the name of a unit", path))
		case slices.Contains(Suffixes(), filepath.Ext(name)) && len(name) > len(filepath.Ext(name)) && !l.names[name]:
			l.names[name], l.linked[path] = true, d.Type()&fs.ModeSymlink != 0
			l.paths = append(l.paths, path)
		}
		return nil
	})
	if err != nil {
		l.errs = append(l.errs, err)
	}
}

// read reads a file with its drop-ins. A link web@one.container to web@.container
// is an instance; a link to /dev/null masks.
func (l *loader) read(path string) error {
	if l.linked[path] {
		real, err := filepath.EvalSymlinks(path)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: a link to nothing", path)
		}
		if err != nil {
			return err
		}
		if real == os.DevNull {
			return nil
		}
	}
	f, err := Read(path, filepath.Base(path))
	for _, dropin := range l.dropinsOf(f.Name) {
		err = errors.Join(err, f.add(dropin))
	}
	f.err = err
	l.set.Files = append(l.set.Files, f)
	return nil
}

// dropinsOf are the files that change a unit: of container.d, foo-.container.d,
// foo-bar.container.d, from the general to the special, each in the order of its
// names; one that is more special replaces another of the same name.
func (l *loader) dropinsOf(name string) []string {
	ext := filepath.Ext(name)
	dirs := []string{ext[1:] + ".d"}
	stem := base(name)
	if template, instance, ok := strings.Cut(stem, "@"); ok && instance != "" {
		dirs = append(dirs, template+"@"+ext+".d")
	}
	for i, c := range stem {
		if c == '-' && i+1 < len(stem) {
			dirs = append(dirs, stem[:i+1]+ext+".d")
		}
	}
	dirs = append(dirs, name+".d")
	chosen := map[string]string{}
	for _, dir := range dirs {
		for _, path := range l.dropins[dir] {
			chosen[filepath.Base(path)] = path
		}
	}
	names := make([]string, 0, len(chosen))
	for n := range chosen {
		names = append(names, n)
	}
	slices.Sort(names)
	paths := make([]string, len(names))
	for i, n := range names {
		paths[i] = chosen[n]
	}
	return paths
}

// Open gives a file of the set by its path, or reads it. Its drop-ins are those
// beside it.
func (s *Set) Open(path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if !validName(filepath.Base(path)) || !slices.Contains(Suffixes(), filepath.Ext(path)) {
		return nil, fmt.Errorf("%s: not one of %s", path, strings.Join(Suffixes(), " "))
	}
	for _, f := range s.Files {
		if f.Path == path {
			return f, nil
		}
	}
	return Read(path, filepath.Base(path))
}
