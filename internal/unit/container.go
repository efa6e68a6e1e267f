// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"os"
	"path/filepath"
	"strings"
)

// container makes the service of a [Container]: its first process is the unit's
// main process, in the unit's own cgroup.
func (c *converter) container() {
	name := c.containerName()
	c.args = append(c.program("run"), "--supervised", "--name="+name, "--replace", "--rm")
	c.svc = append(c.svc, "KillMode=mixed", "SyslogIdentifier=%N")
	c.notify()
	c.cgroups()
	c.limits()
	c.onFailure()
	c.simple()
	c.user()
	c.security()
	c.devices()
	c.environmentFiles()
	c.mounts()
	c.networks()
	c.life(name)
	c.args = append(c.args, c.words("PodmanArgs")...)
	c.base()
	c.args = append(c.args, c.words("Exec")...)
	c.svc = append(c.svc, command("ExecStart", c.args))
	c.svc = append(c.svc, command("ExecStopPost", c.program("cleanup", "--ignore", "--service", name)))
}

func (c *converter) containerName() string {
	if e, ok := c.section.Last("ContainerName"); ok && e.Value != "" {
		return c.one(e)
	}
	return defaultName(c.file.Name, ServiceName(c.file))
}

// notify says who tells systemd that the service is ready.
func (c *converter) notify() {
	if e, ok := c.file.Section("Service").Last("Type"); ok && e.Value == "oneshot" {
		// It is waited for to its end: our command stays, as its parent, and both are in
		// the unit's cgroup.
		c.args = removed(c.args, "--supervised")
		c.option("cgroups", "disabled")
		return
	}
	mode := "conmon"
	if e, ok := c.section.Last("Notify"); ok && e.Value != "" {
		switch {
		case e.Value == "healthy":
			mode = "healthy"
		case c.boolean(e):
			mode = "container"
		}
	}
	c.option("sdnotify", mode)
	// Delegate=: a runtime that must make a cgroup makes one below the unit's.
	c.svc = append(c.svc, "Type=notify", "NotifyAccess=all", "Delegate=yes")
}

func removed(args []string, arg string) []string {
	var left []string
	for _, a := range args {
		if a != arg {
			left = append(left, a)
		}
	}
	return left
}

// cgroups: the container is in the unit's cgroup, whose limits are the unit's.
func (c *converter) cgroups() {
	e, ok := c.section.Last("CgroupsMode")
	if ok && e.Value != "" && e.Value != "split" && e.Value != "no-conmon" {
		c.problem(e, "leave it out", "CgroupsMode=%s: a container is in the cgroup of its unit", e.Value)
	}
}

// onFailure says what becomes of a container that is not well. To start it again is
// Restart='s business, once it is killed.
func (c *converter) onFailure() {
	e, ok := c.section.Last("HealthOnFailure")
	if !ok || e.Value == "" {
		return
	}
	value := c.one(e)
	if value == "restart" {
		value = "kill"
		if again, ok := c.file.Section("Service").Last("Restart"); !ok {
			c.svc = append(c.svc, "Restart=on-failure")
		} else if again.Value == "no" {
			c.problem(e, "Restart=on-failure in [Service]", "HealthOnFailure=restart: Restart=no of the unit forbids it")
		}
	}
	c.option("health-on-failure", value)
}

// limits become the unit's: systemd keeps them, shows them, and can change them.
func (c *converter) limits() {
	for _, limit := range []struct{ key, setting string }{{"Memory", "MemoryMax"}, {"PidsLimit", "TasksMax"}} {
		e, ok := c.section.Last(limit.key)
		if !ok || e.Value == "" {
			continue
		}
		value := strings.TrimSuffix(strings.ToUpper(e.Value), "B")
		if value == "-1" || limit.key == "PidsLimit" && value == "0" {
			value = "infinity"
		}
		c.svc = append(c.svc, limit.setting+"="+value)
	}
}

func (c *converter) user() {
	user, _ := c.section.Last("User")
	group, grouped := c.section.Last("Group")
	switch {
	case grouped && group.Value != "" && user.Value == "":
		c.problem(group, "", "Group= needs User=")
	case user.Value != "" && group.Value != "":
		c.option("user", c.one(user)+":"+c.one(group))
	case user.Value != "":
		c.option("user", c.one(user))
	}
}

func (c *converter) security() {
	if c.is("NoNewPrivileges") {
		c.option("security-opt", "no-new-privileges")
	}
	if c.is("SecurityLabelDisable") {
		c.option("security-opt", "label=disable")
	}
	for _, opt := range []struct{ key, option string }{
		{"SeccompProfile", "seccomp="}, {"Mask", "mask="}, {"Unmask", "unmask="},
	} {
		if e, ok := c.section.Last(opt.key); ok && e.Value != "" {
			c.option("security-opt", opt.option+c.one(e))
		}
	}
}

// devices: one with a - before it counts only if it is there now.
func (c *converter) devices() {
	for _, word := range c.words("AddDevice") {
		device, optional := strings.CutPrefix(word, "-")
		if optional {
			path, _, _ := strings.Cut(device, ":")
			if _, err := os.Stat(path); err != nil {
				continue
			}
		}
		c.option("device", device)
	}
}

func (c *converter) environmentFiles() {
	for _, e := range c.section.All("EnvironmentFile") {
		for _, word := range c.split(e) {
			c.option("env-file", c.path(word))
		}
	}
}

func (c *converter) split(e Entry) []string {
	list, err := Words(e.Value)
	if err != nil {
		c.problem(e, "", "%s=: %v", e.Key, err)
	}
	return list
}

// path is taken from the directory of the file, unless it is absolute or begins
// with a specifier.
func (c *converter) path(path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "%") {
		return path
	}
	return filepath.Join(filepath.Dir(c.file.Path), path)
}

// life is how it is reloaded, stopped and updated.
func (c *converter) life(name string) {
	if e, ok := c.section.Last("StopSignal"); ok && e.Value != "" {
		c.option("stop-signal", c.one(e))
		c.svc = append(c.svc, "KillSignal="+signalName(e.Value))
	}
	if e, ok := c.section.Last("StopTimeout"); ok && e.Value != "" {
		c.option("stop-timeout", c.one(e))
		c.svc = append(c.svc, "TimeoutStopSec="+stopTimeout(e.Value))
	}
	reload, hasReload := c.section.Last("ReloadCmd")
	sig, hasSignal := c.section.Last("ReloadSignal")
	switch {
	case hasReload && hasSignal && reload.Value != "" && sig.Value != "":
		c.problem(sig, "", "ReloadSignal= and ReloadCmd= exclude each other")
	case reload.Value != "":
		c.svc = append(c.svc, command("ExecReload", append(c.program("exec", name), c.split(reload)...)))
	case sig.Value != "":
		c.svc = append(c.svc, command("ExecReload", c.program("kill", "--signal="+sig.Value, name)))
	}
	if e, ok := c.section.Last("AutoUpdate"); ok && e.Value != "" {
		if e.Value != "registry" && e.Value != "local" {
			c.problem(e, "", "AutoUpdate=%s: neither registry nor local", e.Value)
		}
		c.option("label", "io.containers.autoupdate="+e.Value)
	}
	if e, ok := c.section.Last("HttpProxy"); ok && e.Value != "" && c.boolean(e) {
		c.problem(e, "set Environment=", "HttpProxy=%s: variables of a proxy are not handed over", e.Value)
	}
	if e, ok := c.section.Last("LogDriver"); ok && e.Value != "" && e.Value != "passthrough" && e.Value != "journald" {
		c.problem(e, "set StandardOutput= in [Service]", "LogDriver=%s: output goes where the unit's goes", e.Value)
	}
}

// stopTimeout is systemd's word for seconds in which 0 kills at once, and less than
// that never does: there, 0 is for ever.
func stopTimeout(seconds string) string {
	switch {
	case seconds == "0":
		return "1ms"
	case strings.HasPrefix(seconds, "-"):
		return "infinity"
	}
	return seconds
}

func signalName(s string) string {
	if s[0] >= '0' && s[0] <= '9' {
		return s
	}
	return "SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")
}

// base is what the container is made of.
func (c *converter) base() {
	image, hasImage := c.section.Last("Image")
	rootfs, hasRootfs := c.section.Last("Rootfs")
	hasImage, hasRootfs = hasImage && image.Value != "", hasRootfs && rootfs.Value != ""
	switch {
	case hasImage == hasRootfs:
		e := Entry{File: c.file.Path, Line: 1}
		if hasImage {
			e = rootfs
		}
		c.problem(e, "", "[Container] needs one of Image= and Rootfs=")
	case hasRootfs:
		c.args = append(c.args, "--rootfs", c.path(c.one(rootfs)))
	case strings.HasSuffix(image.Value, ".build"):
		c.problem(image, "build it elsewhere, and name it here", "Image=%s: images are not built by this version", image.Value)
	case strings.HasSuffix(image.Value, ".image"):
		c.args = append(c.args, c.pulled(image))
	default:
		c.args = append(c.args, c.one(image))
	}
}

// pulled is the image of an .image file.
func (c *converter) pulled(e Entry) string {
	c.needs(e, e.Value, "ImageTag")
	f := c.set.find(e.Value)
	if f == nil {
		return ""
	}
	section := f.Section("Image")
	for _, key := range []string{"ImageTag", "Image"} {
		if named, ok := section.Last(key); ok && named.Value != "" {
			return c.one(named)
		}
	}
	return ""
}
