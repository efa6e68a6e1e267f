// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cgroup"
	"github.com/tug-containers/tug/internal/status"
	"github.com/tug-containers/tug/libstorage"
)

// watch looks at containers again and again.
type watch struct {
	records *libstorage.Records
	o       options
	names   []string
	ids     []string // of names; none: all that run
	before  map[string]sample
}

// sample is what a container has used until a moment.
type sample struct {
	at                time.Time
	process           uint64 // when its process was started: another life counts anew
	usage             cgroup.Usage
	received, sent    uint64
	share, shareSince float64 // percent of a processor: since the last look, since its start
}

// look takes a sample of each container.
func (w *watch) look(ctx context.Context) ([]*row, error) {
	list, err := w.list(ctx)
	if err != nil {
		return nil, err
	}
	var rows []*row
	now := map[string]sample{}
	for i := range list {
		info := &list[i]
		s := status.Of(info)
		if info.Err != nil || !s.Lives() && !w.o.all && len(w.ids) == 0 {
			continue
		}
		var taken sample
		if s.Lives() {
			// Without a cgroup of its own, or when it has just ended: nothing.
			if taken, err = take(info); err != nil {
				taken = sample{}
			}
			taken.shares(w.before[info.Record.ID], s.Started)
			now[info.Record.ID] = taken
		}
		rows = append(rows, newRow(info, &taken, w.o.noTrunc))
	}
	w.before = now
	return rows, nil
}

// list is the containers to look at. One that is gone is no error: it may go at
// any time.
func (w *watch) list(ctx context.Context) ([]libstorage.ContainerInfo, error) {
	if len(w.ids) == 0 {
		return w.records.Containers(ctx)
	}
	var list []libstorage.ContainerInfo
	for _, id := range w.ids {
		if info, err := w.records.Container(ctx, id); err == nil {
			list = append(list, info)
		}
	}
	return list, nil
}

func take(info *libstorage.ContainerInfo) (s sample, err error) {
	r := &info.Record
	group, err := cgroup.Of(r.Pid)
	if err != nil {
		return s, err
	}
	s.at, s.process = time.Now(), r.StartTime
	if s.usage, err = group.Usage(r.ID); err != nil {
		return s, err
	}
	s.received, s.sent = network(r.Pid)
	return s, nil
}

func (s *sample) shares(before sample, started time.Time) {
	percent := func(cpu, elapsed time.Duration) float64 {
		if elapsed <= 0 || cpu < 0 {
			return 0
		}
		return 100 * float64(cpu) / float64(elapsed)
	}
	s.shareSince = percent(s.usage.CPU, s.at.Sub(started))
	s.share = s.shareSince
	if !before.at.IsZero() && before.process == s.process {
		s.share = percent(s.usage.CPU-before.usage.CPU, s.at.Sub(before.at))
	}
}

// network adds up the interfaces of a process, if they are not the host's.
func network(pid int) (received, sent uint64) {
	own, err := os.Readlink("/proc/self/ns/net")
	proc := "/proc/" + strconv.Itoa(pid)
	if theirs, terr := os.Readlink(proc + "/ns/net"); err != nil || terr != nil || own == theirs {
		return 0, 0
	}
	data, err := os.ReadFile(proc + "/net/dev")
	if err != nil {
		return 0, 0
	}
	return parseInterfaces(string(data))
}

// parseInterfaces reads lines of NAME: RECEIVED and seven more, SENT ...; the
// loopback device is nobody's traffic.
func parseInterfaces(dev string) (received, sent uint64) {
	for line := range strings.Lines(dev) {
		name, counts, ok := strings.Cut(line, ":")
		fields := strings.Fields(counts)
		if !ok || strings.TrimSpace(name) == "lo" || len(fields) < 9 {
			continue
		}
		in, _ := strconv.ParseUint(fields[0], 10, 64)
		out, _ := strconv.ParseUint(fields[8], 10, 64)
		received, sent = received+in, sent+out
	}
	return received, sent
}
