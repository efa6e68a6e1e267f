// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"os"
	"strings"
)

// sudo puts sudo before a command that only root may run.
func (v *View) sudo(format string, args ...any) string {
	command := fmt.Sprintf(format, args...)
	if v.root() {
		return command
	}
	return "sudo " + command
}

// sysctl sets a key now and at each boot.
func (v *View) sysctl(key, value string) string {
	file := "/etc/sysctl.d/90-" + strings.ReplaceAll(key, ".", "-") + ".conf"
	return fmt.Sprintf("echo '%s = %s' | %s && %s", key, value, v.sudo("tee %s", file), v.sudo("sysctl -p %s", file))
}

// A program belongs to packages by various names.
type packages struct{ debian, fedora, alpine, arch, suse string }

// install names the package of the distribution's own tool.
func (v *View) install(p packages) string {
	for _, tool := range []struct{ file, command, name string }{
		{"/usr/bin/apt-get", "apt-get install", p.debian},
		{"/usr/bin/dnf", "dnf install", p.fedora},
		{"/sbin/apk", "apk add", p.alpine},
		{"/usr/bin/pacman", "pacman -S", p.arch},
		{"/usr/bin/zypper", "zypper install", p.suse},
	} {
		if _, err := os.Stat(tool.file); err == nil {
			return v.sudo("%s %s", tool.command, tool.name)
		}
	}
	return ""
}

// quote makes a word of a path for a shell.
func quote(path string) string {
	if strings.IndexFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+:@%,", r) && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0 && path != "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
