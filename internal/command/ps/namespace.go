// SPDX-License-Identifier: Apache-2.0

package ps

import (
	"os"
	"strconv"
	"strings"
)

// namespaces are the numbers of a container's namespaces; empty when it does
// not run.
type namespaces struct {
	MNT    string `json:"Mnt,omitempty"`
	Cgroup string `json:"Cgroup,omitempty"`
	IPC    string `json:"Ipc,omitempty"`
	NET    string `json:"Net,omitempty"`
	PIDNS  string `json:"Pidns,omitempty"`
	UTS    string `json:"Uts,omitempty"`
	User   string `json:"User,omitempty"`
}

func (r *row) namespaces() *namespaces {
	if r.spaces != nil {
		return r.spaces
	}
	r.spaces = &namespaces{}
	if !r.status.Lives() {
		return r.spaces
	}
	number := func(kind string) string {
		link, err := os.Readlink("/proc/" + strconv.Itoa(r.info.Record.Pid) + "/ns/" + kind)
		if err != nil {
			return ""
		}
		_, id, _ := strings.Cut(link, "[")
		return strings.TrimSuffix(id, "]")
	}
	*r.spaces = namespaces{
		MNT: number("mnt"), Cgroup: number("cgroup"), IPC: number("ipc"), NET: number("net"),
		PIDNS: number("pid"), UTS: number("uts"), User: number("user"),
	}
	return r.spaces
}

// namespace gives one by the name that templates have for it, or all.
func (r *row) namespace(name string) (any, bool) {
	switch name {
	case "Namespaces":
		return *r.namespaces(), true
	case "MNT":
		return r.namespaces().MNT, true
	case "Cgroup":
		return r.namespaces().Cgroup, true
	case "IPC":
		return r.namespaces().IPC, true
	case "NET":
		return r.namespaces().NET, true
	case "PIDNS":
		return r.namespaces().PIDNS, true
	case "UTS":
		return r.namespaces().UTS, true
	case "User":
		return r.namespaces().User, true
	}
	return nil, false
}
