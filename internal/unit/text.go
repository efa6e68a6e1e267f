// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Mark is how a unit file of ours begins.
const Mark = "# Made by tug-unit from "

// service writes the unit file: what was in the file's own [Unit], [Service] and
// [Install] stays as it was, and comes after ours, so that it can change it.
func (c *converter) service() Service {
	s := Service{Name: ServiceName(c.file)}
	var b strings.Builder
	fmt.Fprintf(&b, Mark+"%s.\n", c.file.Name)
	fmt.Fprintf(&b, "\n[Unit]\nSourcePath=%s\n", Literal(strings.Map(printable, c.file.Path)))
	write(&b, c.unit)
	write(&b, c.online)
	copySection(&b, c.file.Section("Unit"))
	b.WriteString("\n[Service]\n")
	write(&b, c.svc)
	copySection(&b, c.file.Section("Service"))
	if install := c.file.Section("Install"); install != nil && len(install.Entries) > 0 {
		b.WriteString("\n[Install]\n")
		copySection(&b, install)
		s.Links = links(s.Name, install)
	}
	b.WriteString("\n[X-" + c.section.Name + "]\n")
	copySection(&b, c.section)
	s.Text = b.String()
	return s
}

// waitOnline adds the dependencies of what may need the network for an image.
func (c *converter) waitOnline() {
	e, ok := c.file.Section("Quadlet").Last("DefaultDependencies")
	if ok && !c.boolean(e) || c.section.Name == "Volume" || c.section.Name == "Network" || c.set.User {
		return
	}
	c.online = []string{"Wants=network-online.target", "After=network-online.target"}
}

func write(b *strings.Builder, lines []string) {
	var seen []string
	for _, line := range lines {
		if slices.Contains(seen, line) {
			continue
		}
		seen = append(seen, line)
		b.WriteString(line + "\n")
	}
}

func copySection(b *strings.Builder, s *Section) {
	if s == nil {
		return
	}
	for _, e := range s.Entries {
		b.WriteString(e.Key + "=" + e.Value + "\n")
	}
}

// command writes a command line, an argument to a line where it is long.
func command(key string, args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = quote(arg)
	}
	line := key + "=" + strings.Join(quoted, " ")
	if len(line) > 100 {
		line = key + "=" + strings.Join(quoted, " \\\n    ")
	}
	return line
}

// links are the symbolic links that `systemctl enable` would make, for the
// generator.
func links(name string, install *Section) (links []string) {
	target := name
	if at := strings.IndexByte(name, '@'); at >= 0 && strings.HasSuffix(name[:strings.LastIndexByte(name, '.')], "@") {
		e, ok := install.Last("DefaultInstance")
		if !ok || e.Value == "" {
			return nil // a template without an instance is wanted by nobody
		}
		target = strings.Replace(name, "@.", "@"+e.Value+".", 1)
	}
	for _, e := range install.All("Alias") {
		links = append(links, strings.Fields(e.Value)...)
	}
	for key, suffix := range map[string]string{"WantedBy": ".wants", "RequiredBy": ".requires", "UpheldBy": ".upholds"} {
		for _, e := range install.All(key) {
			for _, by := range strings.Fields(e.Value) {
				links = append(links, filepath.Join(by+suffix, target))
			}
		}
	}
	links = slices.DeleteFunc(links, func(l string) bool { return !filepath.IsLocal(l) || strings.Count(l, "/") > 1 })
	slices.Sort(links)
	return slices.Compact(links)
}
