// SPDX-License-Identifier: Apache-2.0

package top

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/rootdir"
	"golang.org/x/sys/unix"
)

// fileLimit is the size of the largest passwd or group file that is read.
const fileLimit = 1 << 20

// owners are the names of users and groups, of the host and of the container.
type owners struct {
	users, groups           map[string]string
	hostUsers, hostGroups   map[string]string
	userRanges, groupRanges []idRange
}

// idRange is a line of uid_map: ids from inside on are those from outside on.
type idRange struct{ inside, outside, count uint64 }

// readOwners reads the names. What cannot be read has none: ids are shown.
func readOwners(pid int) *owners {
	proc := "/proc/" + strconv.Itoa(pid)
	o := &owners{
		hostUsers: readHost("/etc/passwd"), hostGroups: readHost("/etc/group"),
		userRanges: readRanges(proc + "/uid_map"), groupRanges: readRanges(proc + "/gid_map"),
	}
	root, err := rootdir.Open(proc + "/root")
	if err != nil {
		return o
	}
	defer root.Close()
	if data, err := root.ReadFile("/etc/passwd", fileLimit); err == nil {
		o.users = parseNames(string(data))
	}
	if data, err := root.ReadFile("/etc/group", fileLimit); err == nil {
		o.groups = parseNames(string(data))
	}
	return o
}

func readHost(path string) map[string]string {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileLimit))
	if err != nil {
		return nil
	}
	return parseNames(string(data))
}

// parseNames reads lines of NAME:PASSWORD:ID:...; the first of an id counts.
func parseNames(file string) map[string]string {
	names := map[string]string{}
	for line := range strings.Lines(file) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 4)
		if len(fields) >= 3 && names[fields[2]] == "" {
			names[fields[2]] = fields[0]
		}
	}
	return names
}

func readRanges(path string) []idRange {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var ranges []idRange
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue
		}
		var n [3]uint64
		for i, field := range fields {
			n[i], _ = strconv.ParseUint(field, 10, 64)
		}
		ranges = append(ranges, idRange{n[0], n[1], n[2]})
	}
	return ranges
}

// inside gives the id that a host's id has in the container.
func inside(ranges []idRange, id string) string {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return id
	}
	for _, r := range ranges {
		if n >= r.outside && n-r.outside < r.count {
			return strconv.FormatUint(n-r.outside+r.inside, 10)
		}
	}
	return "nobody"
}

func named(names map[string]string, id string) string {
	if name := names[id]; name != "" {
		return name
	}
	return id
}

func (o *owners) user(id string) string      { return named(o.users, inside(o.userRanges, id)) }
func (o *owners) group(id string) string     { return named(o.groups, inside(o.groupRanges, id)) }
func (o *owners) hostUser(id string) string  { return named(o.hostUsers, id) }
func (o *owners) hostGroup(id string) string { return named(o.hostGroups, id) }

func each(ids string, name func(string) string) string {
	var list []string
	for id := range strings.FieldsSeq(ids) {
		list = append(list, name(id))
	}
	return strings.Join(list, ",")
}
