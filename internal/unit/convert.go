// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/spell"
)

// Set is the files that may name each other, and what their units need to know.
type Set struct {
	Files []*File
	// Programs is the directory of the tug programs.
	Programs string
	// Args are options that each command line of a unit begins with.
	Args []string
	// User is set for units of a user's service manager.
	User bool
}

// Service is a unit file that was made.
type Service struct {
	Name string // web.service
	Text string
	// Links are the places where [Install] wants it, below the unit directory:
	// multi-user.target.wants/web.service.
	Links []string
}

// Suffixes are the endings of the files that are read.
func Suffixes() []string {
	return []string{".container", ".volume", ".network", ".image", ".pod", ".build", ".kube"}
}

// Convert makes the service of a file. The error joins a *Problem for each line
// that cannot be taken as it stands.
func (s *Set) Convert(f *File) (Service, error) {
	c := &converter{set: s, file: f}
	err := f.err
	if err != nil {
		return Service{}, err
	}
	switch ext := filepath.Ext(f.Name); ext {
	case ".container":
		err = c.start("Container", containerRules, c.container)
	case ".volume":
		err = c.start("Volume", volumeRules, c.volume)
	case ".network":
		err = c.start("Network", networkRules, c.network)
	case ".image":
		err = c.start("Image", imageRules, c.image)
	case ".kube":
		err = &Problem{File: f.Path, Line: 1, Text: "files of Kubernetes are not run by this version"}
	case ".pod":
		err = &Problem{File: f.Path, Line: 1, Text: noPods}
	case ".build":
		err = &Problem{File: f.Path, Line: 1, Text: "images are not built by this version", Hint: "build it elsewhere, and name it in Image="}
	default:
		err = fmt.Errorf("%s: not one of %s", f.Path, strings.Join(Suffixes(), " "))
	}
	if err != nil {
		return Service{}, err
	}
	return c.service(), nil
}

// converter makes one service.
type converter struct {
	set      *Set
	file     *File
	section  *Section
	rules    map[string]rule
	args     []string // the command line
	online   []string // lines of [Unit], [Unit] and [Service] that are ours
	unit     []string
	svc      []string
	problems []error
}

func (c *converter) problem(e Entry, hint, format string, args ...any) {
	c.problems = append(c.problems, &Problem{File: e.File, Line: e.Line, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// start checks the section and converts it.
func (c *converter) start(name string, rules map[string]rule, convert func()) error {
	c.rules, c.section = rules, c.file.Section(name)
	if c.section == nil {
		return &Problem{File: c.file.Path, Line: 1, Text: "there is no section [" + name + "]"}
	}
	for _, e := range c.section.Entries {
		r, known := rules[e.Key]
		switch {
		case !known:
			hint := ""
			if close := spell.Closest(e.Key, keys(rules)); close != "" {
				hint = "did you mean " + close + "=?"
			}
			c.problem(e, hint, "%s= is not known in [%s]", e.Key, name)
		case r.kind == refused && e.Value != "":
			c.problem(e, "", "%s=: %s", e.Key, r.reason)
		}
	}
	if e, ok := c.section.Last("ServiceName"); ok && e.Value != "" && !validName(e.Value) {
		c.problem(e, "", "ServiceName=%s: not the name of a unit", shorten(e.Value))
	}
	c.checkSections(name)
	c.waitOnline()
	convert()
	return errors.Join(c.problems...)
}

// validName is for the names of units, as systemd.unit(5) has them.
func validName(name string) bool {
	for i := range len(name) {
		b := name[i]
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !letter && !strings.ContainsRune(":-_.\\@", rune(b)) {
			return false
		}
	}
	return name != "" && len(name) < 240
}

// checkSections knows the sections that may stand beside.
func (c *converter) checkSections(own string) {
	allowed := []string{own, "Unit", "Service", "Install", "Quadlet"}
	for _, s := range c.file.Sections {
		if slices.Contains(allowed, s.Name) || strings.HasPrefix(s.Name, "X-") {
			continue
		}
		e := Entry{File: c.file.Path, Line: 1}
		if len(s.Entries) > 0 {
			e = s.Entries[0]
		}
		hint := ""
		if close := spell.Closest(s.Name, allowed); close != "" {
			hint = "did you mean [" + close + "]?"
		}
		c.problem(e, hint, "the section [%s] is not known in a %s file", s.Name, filepath.Ext(c.file.Name))
	}
	for _, key := range []string{"Type", "ExecStart"} {
		if e, ok := c.file.Section("Service").Last(key); ok && own == "Container" && !(key == "Type" && e.Value == "oneshot") {
			c.problem(e, "", "%s= of [Service] is made from [Container]", key)
		}
	}
}

func keys(rules map[string]rule) []string {
	all := make([]string, 0, len(rules))
	for key := range rules {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// option adds an option to the command line.
func (c *converter) option(name, value string) { c.args = append(c.args, "--"+name+"="+value) }

// simple adds what the rules say, in the order of the keys' names.
func (c *converter) simple() {
	for _, key := range c.given() {
		r := c.rules[key]
		switch r.kind {
		case single:
			if e, ok := c.section.Last(key); ok && e.Value != "" {
				c.option(r.option, c.one(e))
			}
		case boolean:
			if e, ok := c.section.Last(key); ok && e.Value != "" {
				c.option(r.option, fmt.Sprint(c.boolean(e)))
			}
		case list:
			for _, e := range c.section.All(key) {
				c.option(r.option, c.one(e))
			}
		case words:
			for _, word := range c.words(key) {
				c.option(r.option, word)
			}
		}
	}
}

// given are the keys that the section has, by name.
func (c *converter) given() []string {
	var given []string
	for _, e := range c.section.Entries {
		given = append(given, e.Key)
	}
	slices.Sort(given)
	return slices.Compact(given)
}

// one is a value that is one word, with or without quotes around it.
func (c *converter) one(e Entry) string {
	if !strings.ContainsAny(e.Value, `"'\`) {
		return e.Value
	}
	if list, err := Words(e.Value); err == nil && len(list) == 1 {
		return list[0]
	}
	return e.Value
}

// words are those of all assignments of a key.
func (c *converter) words(key string) (all []string) {
	for _, e := range c.section.All(key) {
		list, err := Words(e.Value)
		if err != nil {
			c.problem(e, "", "%s=: %v", key, err)
		}
		all = append(all, list...)
	}
	return all
}

func (c *converter) boolean(e Entry) bool {
	switch strings.ToLower(e.Value) {
	case "yes", "true", "on", "1", "y", "t":
		return true
	case "no", "false", "off", "0", "n", "f":
		return false
	}
	c.problem(e, "write yes or no", "%s=%s: neither yes nor no", e.Key, shorten(e.Value))
	return false
}

// is tells whether a boolean key is set.
func (c *converter) is(key string) bool {
	e, ok := c.section.Last(key)
	return ok && e.Value != "" && c.boolean(e)
}

// base is the file's name without its ending: web, or web@ of a template.
func base(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// ServiceName is the unit of a file: web.container is web.service, data.volume is
// data-volume.service.
func ServiceName(f *File) string {
	kind := strings.TrimPrefix(filepath.Ext(f.Name), ".")
	section := f.Section(strings.ToUpper(kind[:1]) + kind[1:])
	if e, ok := section.Last("ServiceName"); ok && validName(e.Value) {
		return strings.TrimSuffix(e.Value, ".service") + ".service"
	}
	name := base(f.Name)
	if kind == "container" {
		return name + ".service"
	}
	if template, instance, ok := strings.Cut(name, "@"); ok {
		return template + "-" + kind + "@" + instance + ".service"
	}
	return name + "-" + kind + ".service"
}

// find gives the file of that name: data@one.volume may be made from data@.volume.
func (s *Set) find(name string) *File {
	template := ""
	if at := strings.IndexByte(name, '@'); at > 0 {
		template = name[:at+1] + filepath.Ext(name)
	}
	var found *File
	for _, f := range s.Files {
		if f.Name == name {
			return f
		}
		if f.Name == template {
			found = f
		}
	}
	return found
}

// needs adds the dependency on the unit of another file, whose object's name it
// gives.
func (c *converter) needs(e Entry, name, key string) string {
	f := c.set.find(name)
	if f == nil {
		c.problem(e, "", "%s=: there is no %s", e.Key, name)
		return ""
	}
	service := ServiceName(f)
	if f.Name != name { // an instance of a template
		_, instance, _ := strings.Cut(base(name), "@")
		service = strings.Replace(service, "@.", "@"+instance+".", 1)
	}
	c.unit = append(c.unit, "Requires="+service, "After="+service)
	kind := strings.TrimPrefix(filepath.Ext(name), ".")
	section := f.Section(strings.ToUpper(kind[:1]) + kind[1:])
	if named, ok := section.Last(key); ok && named.Value != "" {
		return c.one(named)
	}
	if template, instance, ok := strings.Cut(base(name), "@"); ok && f.Name != name {
		// It is another unit's: its specifiers are not ours.
		return "systemd-" + template + separator(name) + instance
	}
	return defaultName(name, ServiceName(f))
}

// separator stands between the names of a template and an instance.
func separator(name string) string {
	if filepath.Ext(name) == ".container" {
		return "_"
	}
	return "-"
}

// defaultName is what the object of a file is called that does not say it: after its
// service, when it is a container, and after the file. The instance of a template is
// the specifier %i, which is right in its own unit alone.
func defaultName(name, service string) string {
	stem := base(name)
	if filepath.Ext(name) == ".container" {
		stem = strings.TrimSuffix(service, ".service")
	}
	template, instance, ok := strings.Cut(stem, "@")
	switch {
	case !ok:
		return "systemd-" + stem
	case instance == "":
		instance = "%i"
	}
	return "systemd-" + template + separator(name) + instance
}

// program is a command line of ours, with GlobalArgs=.
func (c *converter) program(verb string, args ...string) []string {
	line := []string{filepath.Join(c.set.Programs, "tug-"+verb)}
	line = append(append(line, c.set.Args...), c.words("GlobalArgs")...)
	return append(line, args...)
}
