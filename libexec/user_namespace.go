// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/tug-containers/tug/internal/errclass"
)

// What is different when we are root of a user namespace only, not of the host.

// checkIDs refuses a user that does not exist in the container: the runtime would
// fail without saying why.
func (b *builder) checkIDs() error {
	ids := b.ids
	if !b.opts.IDs.IsZero() {
		ids = b.opts.IDs
	}
	if !ids.HasUID(b.user.UID) {
		return b.noID("user", b.user.UID)
	}
	for _, gid := range append([]uint32{b.user.GID}, b.user.Groups...) {
		if !ids.HasGID(gid) {
			return b.noID("group", gid)
		}
	}
	return nil
}

func (b *builder) noID(kind string, id uint32) error {
	if !b.opts.IDs.IsZero() {
		return specError(errclass.Usage, ErrUser, "--user", "%s %d: not mapped in the container's user namespace", kind, id)
	}
	return specError(errclass.Unsupported, ErrUser, strconv.Itoa(int(id)), "%s %d: this user namespace has %d IDs, and not that one: "+
		"more of them come from /etc/subuid and /etc/subgid", kind, id, b.ids.Users())
}

// addDevice adds a device of the host; source is where that has it. Without the
// right to make nodes it is mounted.
func (b *builder) addDevice(d specs.LinuxDevice, source string) {
	if b.ids.IsZero() {
		b.g.AddDevice(d)
		return
	}
	b.g.AddMount(specs.Mount{Destination: d.Path, Type: "bind", Source: source, Options: []string{"bind", "nosuid", "noexec", "rprivate"}})
}

// oomScore is what was asked for, but that a user cannot go below the own score.
func (b *builder) oomScore() *int {
	want := b.opts.OOMScoreAdj
	if want == nil || mayRaiseLimits(b.ids) {
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
