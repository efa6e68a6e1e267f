// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/idmap"
	"golang.org/x/sys/unix"
)

// What is different when we are root of a user namespace only, not of the host.

// checkIDs refuses a user that does not exist here: the runtime would fail without
// saying why.
func (b *builder) checkIDs() error {
	if !b.opts.IDs.IsZero() {
		return b.checkMapped()
	}
	for _, gid := range append([]uint32{b.user.GID}, b.user.Groups...) {
		if !b.ids.HasGID(gid) {
			return b.noID("group", gid)
		}
	}
	if !b.ids.HasUID(b.user.UID) {
		return b.noID("user", b.user.UID)
	}
	return nil
}

func (b *builder) noID(kind string, id uint32) error {
	return specError(errclass.Unsupported, ErrUser, strconv.Itoa(int(id)), "%s %d: this user namespace has %d IDs, and not that one: "+
		"more of them come from /etc/subuid and /etc/subgid", kind, id, b.ids.Size())
}

// forUser replaces what the owner of a user namespace cannot mount.
func (b *builder) forUser(mounts []specs.Mount) []specs.Mount {
	if b.ids.Initial() {
		return mounts
	}
	for i := range mounts {
		m := &mounts[i]
		switch {
		case m.Type == "devpts" && !b.ids.HasGID(5):
			m.Options = m.Options[:len(m.Options)-1] // gid=5
		case m.Type == "sysfs" && !b.opts.ownNetwork():
			// A sysfs shows a network namespace, and belongs to who owns that.
			*m = hostTree("/sys", m.Options)
		case m.Type == "proc" && b.opts.PID.Mode == HostMode:
			*m = hostTree("/proc", m.Options)
		}
	}
	return mounts
}

func hostTree(dir string, options []string) specs.Mount {
	return specs.Mount{Destination: dir, Type: "bind", Source: dir, Options: append([]string{"rbind", "rprivate"}, options...)}
}

// addDevice adds a device of the host; source is where that has it. Without the
// right to make nodes it is mounted.
func (b *builder) addDevice(d specs.LinuxDevice, source string) {
	if b.ids.Initial() {
		b.g.AddDevice(d)
		return
	}
	b.g.AddMount(specs.Mount{Destination: d.Path, Type: "bind", Source: source, Options: []string{"bind", "nosuid", "noexec", "rprivate"}})
}

// oomScore is what was asked for, but that a user cannot go below the own score.
func (b *builder) oomScore() *int {
	want := b.opts.OOMScoreAdj
	if want == nil || mayRaiseLimits() {
		return want
	}
	data, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return want
	}
	own, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || own <= *want {
		return want
	}
	b.note("oom score adjustment: raised to " + strconv.Itoa(own) + ", our own")
	return &own
}

// mayMakeCgroups tells whether a container can have a cgroup of its own.
func mayMakeCgroups() bool {
	if ids, err := idmap.Read(); err != nil || ids.Initial() {
		return true
	}
	dir := "/sys/fs/cgroup"
	if !cgroup2() {
		dir += "/memory"
	}
	return unix.Access(dir, unix.W_OK) == nil
}
