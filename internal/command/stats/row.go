// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

// row is a container. Its fields are what a template can use, by podman's names.
type row struct {
	ID, ContainerID, Name            string
	CPUPerc, AVGCPU, MemPerc         string
	MemUsage, MemUsageBytes          string
	NetIO, BlockIO, PIDS, UpTime, Up string
	CPU, AvgCPU                      float64
	CPUNano, CPUSystemNano           uint64
	SystemNano                       int64
	Duration                         uint64
	MemLimit, PIDs                   uint64
	NetInput, NetOutput              uint64
	BlockInput, BlockOutput          uint64
}

func newRow(info *libstorage.ContainerInfo, s *sample, noTrunc bool) *row {
	rec, u := &info.Record, &s.usage
	r := &row{
		ID: rec.ID, ContainerID: rec.ID, Name: rec.Name,
		CPU: s.share, AvgCPU: s.shareSince, CPUPerc: percent(s.share), AVGCPU: percent(s.shareSince), MemPerc: percent(0),
		MemUsage:      size(u.Memory) + " / " + size(u.MemoryLimit),
		MemUsageBytes: binarySize(u.Memory) + " / " + binarySize(u.MemoryLimit),
		NetIO:         size(s.received) + " / " + size(s.sent), BlockIO: size(u.Read) + " / " + size(u.Written),
		PIDS: fmt.Sprint(u.Pids), UpTime: u.CPU.String(), Up: u.CPU.String(),
		CPUNano: uint64(u.CPU), Duration: uint64(u.CPU), CPUSystemNano: uint64(u.System), SystemNano: time.Now().UnixNano(),
		MemLimit: u.MemoryLimit, PIDs: u.Pids, NetInput: s.received, NetOutput: s.sent, BlockInput: u.Read, BlockOutput: u.Written,
	}
	if u.MemoryLimit > 0 {
		r.MemPerc = percent(100 * float64(u.Memory) / float64(u.MemoryLimit))
	}
	if !noTrunc {
		r.ID = rec.ID[:min(len(rec.ID), 12)]
	}
	return r
}

func percent(p float64) string { return fmt.Sprintf("%.2f%%", p) }

func size(n uint64) string { return scaled(n, 1000, "B", "kB", "MB", "GB", "TB", "PB", "EB") }
func binarySize(n uint64) string {
	return scaled(n, 1024, "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
}

// scaled has four digits, as podman's.
func scaled(n uint64, base float64, units ...string) string {
	value, unit := float64(n), 0
	for value >= base && unit < len(units)-1 {
		value /= base
		unit++
	}
	return fmt.Sprintf("%.4g%s", value, units[unit])
}

// MarshalJSON is what --format json has for a container.
func (r *row) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		CPUTime  string `json:"cpu_time"`
		CPU      string `json:"cpu_percent"`
		Average  string `json:"avg_cpu"`
		MemUsage string `json:"mem_usage"`
		Mem      string `json:"mem_percent"`
		Net      string `json:"net_io"`
		Block    string `json:"block_io"`
		Pids     string `json:"pids"`
	}{r.ID, r.Name, r.UpTime, r.CPUPerc, r.AVGCPU, r.MemUsage, r.MemPerc, r.NetIO, r.BlockIO, r.PIDS})
}

// headings are those that are not the words of a field's name.
func headings() map[string]string {
	return map[string]string{
		"CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT", "MemUsageBytes": "MEM USAGE / LIMIT", "MemPerc": "MEM %",
		"NetIO": "NET IO", "BlockIO": "BLOCK IO", "UpTime": "CPU TIME", "Up": "CPU TIME", "AVGCPU": "AVG CPU %",
	}
}

func print(w io.Writer, rows []*row, format cli.Format) error {
	switch {
	case format.JSON:
		return cli.WriteJSON(w, append([]*row{}, rows...))
	case !format.Default():
		items := make([]row, len(rows))
		for i, r := range rows {
			items[i] = *r
		}
		return cli.Write(w, format, items, true)
	}
	t := cli.Table{Heading: []string{"ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET IO", "BLOCK IO", "PIDS", "CPU TIME", "AVG CPU %"}}
	for _, r := range rows {
		t.Add(r.ID, r.Name, r.CPUPerc, r.MemUsage, r.MemPerc, r.NetIO, r.BlockIO, r.PIDS, r.UpTime, r.AVGCPU)
	}
	return t.Write(w)
}
