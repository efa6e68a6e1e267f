// SPDX-License-Identifier: Apache-2.0

// Package unit reads the files that describe containers, volumes, networks and pods
// as units (.container, .volume, ...: the syntax of podman's Quadlet), and makes
// unit files for systemd of them: files that people can read, diff, edit and enable.
//
// The syntax is that of systemd.syntax(7). The package links the standard library
// alone: it runs as a generator early at boot, and at each daemon-reload.
package unit

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Entry is one assignment.
type Entry struct {
	Key, Value string
	// File and Line are where it begins, for messages.
	File string
	Line int
}

// Section is what stands under one [Name]; one that comes twice is one.
type Section struct {
	Name    string
	Entries []Entry
}

// File is a unit file with its drop-ins.
type File struct {
	// Path is the file's own, and Name its last part: web.container.
	Path, Name string
	Sections   []*Section
	err        error // why it cannot be converted, when it could not be read
}

// Problem is what is wrong at a line of a file.
type Problem struct {
	File string
	Line int
	// Text says what, Hint what to do about it; the latter may be empty.
	Text, Hint string
}

func (p *Problem) Error() string {
	s := fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Text)
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// The largest file, and the longest value, that are read.
const (
	fileLimit  = 1 << 20
	valueLimit = 256 << 10
)

// Read reads a unit file. Anything but a regular file of at most 1 MiB is an error.
func Read(path, name string) (*File, error) {
	f := &File{Path: path, Name: name}
	return f, f.add(path)
}

// add reads a file and adds what is in it: a drop-in comes after what it changes.
func (f *File) add(path string) error {
	data, err := readFile(path)
	if err != nil {
		return err
	}
	return f.parse(path, string(data))
}

func (f *File) parse(path, text string) error {
	var errs []error
	problem := func(line int, text, hint string) {
		errs = append(errs, &Problem{File: path, Line: line, Text: text, Hint: hint})
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		problem(1, "not a text in UTF-8", "")
		return errors.Join(errs...)
	}
	var section *Section
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		first := i + 1
		line := strings.TrimLeft(lines[i], " \t")
		if line == "" || isComment(line) {
			continue
		}
		// A backslash at its end joins a line with the next one; comments between are
		// left out.
		for strings.HasSuffix(line, "\\") && i+1 < len(lines) {
			i++
			for i < len(lines) && isComment(strings.TrimLeft(lines[i], " \t")) {
				i++
			}
			next := ""
			if i < len(lines) {
				next = lines[i]
			}
			line = strings.TrimSuffix(line, "\\") + " " + next
			if len(line) > valueLimit {
				problem(first, "longer than a line may be", "")
				return errors.Join(errs...)
			}
		}
		line = strings.TrimRight(line, " \t")
		if strings.HasPrefix(line, "[") {
			name, ok := strings.CutSuffix(line[1:], "]")
			if !ok || name == "" || strings.ContainsAny(name, "[]") {
				problem(first, "not a section: "+shorten(line), "write [Name]")
				section = nil
				continue
			}
			section = f.section(name)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimRight(key, " \t")
		switch {
		case !ok:
			problem(first, "neither a section nor an assignment: "+shorten(line), "write Key=value")
		case key == "":
			problem(first, "no name before the =", "")
		case section == nil:
			problem(first, key+"= stands in no section", "write [Container], or what it belongs to, before")
		default:
			section.Entries = append(section.Entries, Entry{Key: key, Value: strings.TrimLeft(value, " \t"), File: path, Line: first})
		}
	}
	return errors.Join(errs...)
}

func isComment(line string) bool {
	return strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";")
}

// section gives the section of that name, and makes it if there is none.
func (f *File) section(name string) *Section {
	if s := f.Section(name); s != nil {
		return s
	}
	s := &Section{Name: name}
	f.Sections = append(f.Sections, s)
	return s
}

// Section gives the section of that name, or nil.
func (f *File) Section(name string) *Section {
	for _, s := range f.Sections {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Last gives the last assignment of a key that has one value.
func (s *Section) Last(key string) (Entry, bool) {
	if s == nil {
		return Entry{}, false
	}
	for i := len(s.Entries) - 1; i >= 0; i-- {
		if s.Entries[i].Key == key {
			return s.Entries[i], true
		}
	}
	return Entry{}, false
}

// All gives the assignments of a key that is a list: an empty one takes back what
// was there before.
func (s *Section) All(key string) []Entry {
	if s == nil {
		return nil
	}
	var all []Entry
	for _, e := range s.Entries {
		switch {
		case e.Key != key:
		case e.Value == "":
			all = nil
		default:
			all = append(all, e)
		}
	}
	return all
}

func shorten(s string) string {
	const limit = 60
	r := []rune(s)
	if len(r) > limit {
		s = string(r[:limit]) + "..."
	}
	return fmt.Sprintf("%q", s)
}
