// SPDX-License-Identifier: Apache-2.0

package network

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/ondisk"
)

// all gives who is on any network of a store.
func all(runDir string) []Joined {
	paths, _ := filepath.Glob(filepath.Join(runDir, "networks", "*", "*.json")) // the pattern is a good one
	var on []Joined
	for _, path := range paths {
		var j Joined
		if data, err := ondisk.Read(path, fileLimit); err == nil && json.Unmarshal(data, &j) == nil {
			on = append(on, j)
		}
	}
	return on
}

// processWith says which process of the host listens at a port, if it can be
// found.
func processWith(p Port) string {
	socket := ""
	for _, table := range []string{p.protocol(), p.protocol() + "6"} {
		data, err := os.ReadFile("/proc/thread-self/net/" + table)
		if err != nil {
			continue
		}
		for line := range bytes.Lines(data) {
			f := strings.Fields(string(line))
			const listening, bound = "0A", "07"
			if len(f) > 9 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", p.Host)) && (f[3] == listening || f[3] == bound) {
				socket = "socket:[" + f[9] + "]"
			}
		}
	}
	if socket == "" {
		return ""
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is a good one
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == socket {
			pid := strings.Split(link, "/")[2]
			comm, _ := os.ReadFile("/proc/" + pid + "/comm") // gone is as good
			return fmt.Sprintf("process %s (%s)", pid, strings.TrimSpace(string(comm)))
		}
	}
	return ""
}
