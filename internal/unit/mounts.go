// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"strings"
)

// mounts are Volume= and Mount=.
func (c *converter) mounts() {
	for _, e := range c.section.All("Volume") {
		source, rest, two := strings.Cut(c.one(e), ":")
		if two {
			source = c.source(e, source)
			rest = ":" + rest
		}
		c.option("volume", source+rest)
	}
	for _, e := range c.section.All("Mount") {
		fields := strings.Split(c.one(e), ",")
		for i, field := range fields {
			key, value, ok := strings.Cut(field, "=")
			if ok && (key == "source" || key == "src") {
				fields[i] = key + "=" + c.source(e, value)
			}
		}
		c.option("mount", strings.Join(fields, ","))
	}
}

// source is a path, which the unit then needs to be mounted, the name of a volume,
// or a .volume file.
func (c *converter) source(e Entry, source string) string {
	switch {
	case strings.HasPrefix(source, "."):
		source = c.path(source)
	case strings.HasSuffix(source, ".volume"):
		return c.needs(e, source, "VolumeName")
	case strings.HasSuffix(source, ".image") || strings.HasSuffix(source, ".build"):
		c.problem(e, "", "%s=: an image cannot be mounted from a %s file", e.Key, source[strings.LastIndexByte(source, '.'):])
		return ""
	}
	if strings.HasPrefix(source, "/") {
		c.unit = append(c.unit, "RequiresMountsFor="+quote(source))
	}
	return source
}

// networks: .network files and other containers have units of their own.
func (c *converter) networks() {
	for _, e := range c.section.All("Network") {
		name, opts, _ := strings.Cut(c.one(e), ":")
		if opts != "" {
			opts = ":" + opts
		}
		switch {
		case strings.HasSuffix(name, ".network"):
			name = c.needs(e, name, "NetworkName")
		case strings.HasSuffix(name, ".container"):
			if f := c.set.find(name); f != nil {
				c.unit = append(c.unit, "BindsTo="+ServiceName(f))
			}
			name = "container:" + c.needs(e, name, "ContainerName")
		}
		c.option("network", name+opts)
	}
}
