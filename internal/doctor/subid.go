// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// enoughIDs is what images use: nobody is 65534.
const enoughIDs = 65536

// A subRange is a line of /etc/subuid or /etc/subgid: OWNER:FIRST:COUNT.
type subRange struct {
	owner        string
	first, count uint64
}

func (r subRange) overlaps(o subRange) bool {
	return r.first < o.first+o.count && o.first < r.first+r.count
}

// parseSubIDs reads the ranges, and counts up to the first line that is none.
func parseSubIDs(data []byte) (ranges []subRange, bad int) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		fields := strings.Split(text, ":")
		if len(fields) == 3 {
			first, err := strconv.ParseUint(fields[1], 10, 32)
			count, cerr := strconv.ParseUint(fields[2], 10, 32)
			if err == nil && cerr == nil && fields[0] != "" {
				ranges = append(ranges, subRange{fields[0], first, count})
				continue
			}
		}
		if bad == 0 {
			bad = number
		}
	}
	return ranges, bad
}

// subIDs looks at the ids that a user may map into a namespace.
func (v *View) subIDs(file, other, option string) Finding {
	if v.root() {
		return ok("root needs none")
	}
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return broken(v.sudo("chmod 644 %s", file), "%v", err)
	}
	ranges, bad := parseSubIDs(data)
	var total uint64
	for _, r := range ranges {
		if !v.owns(r) {
			continue
		}
		total += r.count
		for _, o := range ranges {
			if !v.owns(o) && r.overlaps(o) {
				return broken(v.moreIDs(ranges, option), "%s: ids %d to %d belong to %s and to %s: each can be the other's container",
					file, max(r.first, o.first), min(r.first+r.count, o.first+o.count)-1, v.name, o.owner)
			}
		}
	}
	switch {
	case total == 0 && v.hasIDs(other):
		return broken(v.moreIDs(ranges, option), "%s has no ids for %s, and %s has: both are needed, or none", file, v.name, other)
	case total == 0:
		return limited(v.moreIDs(ranges, option), "%s has no ids for %s: containers have one id, and images with files of others are limited", file, v.name)
	case total < enoughIDs:
		return limited(v.moreIDs(ranges, option), "%s has %d ids for %s, images use %d", file, total, v.name, enoughIDs)
	case bad != 0:
		return limited(v.sudo("sed -i %dd %s", bad, file), "%s: line %d is not OWNER:FIRST:COUNT", file, bad)
	}
	return ok("%d ids for %s in %s", total, v.name, file)
}

// moreIDs gives the user a range that nobody has.
func (v *View) moreIDs(ranges []subRange, option string) string {
	first := uint64(100000)
	for _, r := range ranges {
		first = max(first, r.first+r.count)
	}
	return v.sudo("usermod %s %d-%d %s", option, first, first+enoughIDs-1, quote(v.name))
}

// Capabilities by number.
const (
	capSetgid = 6
	capSetuid = 7
)

// mapper looks for one of the two programs that write a mapping for a user. Who
// has ids to map runs no container without them.
func (v *View) mapper(program, file string, capability int) Finding {
	if v.root() {
		return ok("root needs none")
	}
	state := Limited
	if v.hasIDs(file) {
		state = Broken
	}
	path := v.lookPath(program)
	if path == "" {
		return Finding{State: state, Text: program + " is not installed: no further ids can be mapped",
			Command: v.install(packages{"uidmap", "shadow-utils", "shadow-uidmap", "shadow", "shadow"})}
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := errors.Join(unix.Stat(path, &st), unix.Statfs(path, &fs)); err != nil {
		return broken("", "%s: %v", path, err)
	}
	if fs.Flags&unix.ST_NOSUID != 0 {
		return Finding{State: state, Text: path + " is on a file system mounted nosuid: it cannot write a mapping",
			Command: v.sudo("mount -o remount,suid %s", quote(mountOf(path)))}
	}
	setuid := st.Mode&unix.S_ISUID != 0 && st.Uid == 0
	if !setuid && !hasFileCapability(path, capability) {
		return Finding{State: state, Text: path + " is neither setuid root nor has the capability: it cannot write a mapping",
			Command: v.sudo("sh -c 'chown root:root %[1]s && chmod 4755 %[1]s'", path)}
	}
	return ok("%s", path)
}

// hasIDs tells whether a file has any for the user.
func (v *View) hasIDs(file string) bool {
	data, err := os.ReadFile(file)
	ranges, _ := parseSubIDs(data)
	return err == nil && slices.ContainsFunc(ranges, func(r subRange) bool { return v.owns(r) && r.count > 0 })
}

// owns tells whose a range is.
func (v *View) owns(r subRange) bool { return r.owner == v.name || r.owner == strconv.Itoa(v.uid) }

// hasFileCapability reads the extended attribute that setcap(8) writes.
func hasFileCapability(path string, capability int) bool {
	buf := make([]byte, 64)
	n, err := unix.Getxattr(path, "security.capability", buf)
	// A magic word, whose lowest bit says effective, and the permitted set.
	return err == nil && n >= 8 && buf[0]&1 == 1 && binary.LittleEndian.Uint32(buf[4:])&(1<<capability) != 0
}

func (v *View) lookPath(program string) string { return LookPath(v.getenv, program) }

// LookPath finds a program in PATH, and where the system's own are: a user's
// PATH is often without sbin. It is "" where there is none.
func LookPath(getenv func(string) string, program string) string {
	dirs := filepath.SplitList(getenv("PATH"))
	for _, dir := range slices.Concat(dirs, []string{"/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"}) {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && filepath.IsAbs(dir) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

// oneLine makes a line of what somebody else says.
func oneLine(err error) string { return strings.Join(strings.Fields(fmt.Sprint(err)), " ") }
