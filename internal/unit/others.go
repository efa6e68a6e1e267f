// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"strings"
)

// oneshot is for what is made once, and stays.
func (c *converter) oneshot() {
	c.svc = append(c.svc, "Type=oneshot", "RemainAfterExit=yes", command("ExecStart", c.args), "SyslogIdentifier=%N")
}

func (c *converter) objectName(key string) string {
	if e, ok := c.section.Last(key); ok && e.Value != "" {
		return c.one(e)
	}
	return defaultName(c.file.Name, "")
}

// volume makes the service of a [Volume].
func (c *converter) volume() {
	c.args = append(c.program("volume"), "create", "--ignore")
	c.simple()
	options := []string{}
	for _, opt := range []struct{ key, name string }{{"Type", "type"}, {"Device", "device"}} {
		if e, ok := c.section.Last(opt.key); ok && e.Value != "" {
			options = append(options, opt.name+"="+c.one(e))
		}
	}
	mount := []string{}
	for _, opt := range []struct{ key, name string }{{"User", "uid="}, {"Group", "gid="}, {"Options", ""}} {
		if e, ok := c.section.Last(opt.key); ok && e.Value != "" {
			mount = append(mount, opt.name+c.one(e))
		}
	}
	if len(mount) > 0 {
		options = append(options, "o="+strings.Join(mount, ","))
	}
	if e, ok := c.section.Last("Copy"); ok && e.Value != "" && !c.boolean(e) {
		options = append(options, "nocopy")
	}
	for _, o := range options {
		c.option("opt", o)
	}
	c.args = append(c.args, c.words("PodmanArgs")...)
	c.args = append(c.args, c.objectName("VolumeName"))
	c.oneshot()
}

// network makes the service of a [Network].
func (c *converter) network() {
	c.args = append(c.program("network"), "create", "--ignore")
	c.simple()
	c.args = append(c.args, c.words("PodmanArgs")...)
	name := c.objectName("NetworkName")
	c.args = append(c.args, name)
	c.oneshot()
	if c.is("NetworkDeleteOnStop") {
		c.svc = append(c.svc, command("ExecStopPost", append(c.program("network"), "rm", name)))
	}
}

// image makes the service of an [Image].
func (c *converter) image() {
	c.args = c.program("pull")
	c.simple()
	c.args = append(c.args, c.words("PodmanArgs")...)
	e, ok := c.section.Last("Image")
	if !ok || e.Value == "" {
		c.problem(Entry{File: c.file.Path, Line: 1}, "", "[Image] needs Image=")
		return
	}
	c.args = append(c.args, c.one(e))
	c.oneshot()
	if tag, ok := c.section.Last("ImageTag"); ok && tag.Value != "" {
		c.svc = append(c.svc, command("ExecStartPost", c.program("tag", c.one(e), c.one(tag))))
	}
}
