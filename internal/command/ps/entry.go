// SPDX-License-Identifier: Apache-2.0

package ps

import (
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec/network"
)

// entry is a container in --format json. What podman has and this version
// lacks is empty: pods.
type entry struct {
	AutoRemove bool              `json:"AutoRemove"`
	Command    []string          `json:"Command"`
	CreatedAt  string            `json:"CreatedAt"`
	Exited     bool              `json:"Exited"`
	ExitedAt   int64             `json:"ExitedAt"`
	ExitCode   *int              `json:"ExitCode"` // null: it has ended, nobody knows how
	ID         string            `json:"Id"`
	Image      string            `json:"Image"`
	ImageID    string            `json:"ImageID"`
	IsInfra    bool              `json:"IsInfra"`
	Labels     map[string]string `json:"Labels"`
	Mounts     []string          `json:"Mounts"`
	Names      []string          `json:"Names"`
	Namespaces namespaces        `json:"Namespaces"`
	Networks   []string          `json:"Networks"`
	Pid        int               `json:"Pid"`
	Pod        string            `json:"Pod"`
	PodName    string            `json:"PodName"`
	Ports      []network.Port    `json:"Ports"`
	Restarts   int               `json:"Restarts"`
	Size       *sizes            `json:"Size"`
	StartedAt  int64             `json:"StartedAt"`
	State      string            `json:"State"`
	Status     string            `json:"Status"`
	Created    int64             `json:"Created"`
	Error      string            `json:"Error,omitempty"`
}

func (r *row) entry() *entry {
	rec, s := &r.info.Record, &r.status
	e := &entry{
		AutoRemove: rec.Ephemeral || rec.AutoRemove, Command: rec.Command, CreatedAt: r.created(),
		Exited: s.Ended(), ExitedAt: time.Time{}.Unix(), ExitCode: s.Code, ID: rec.ID, Image: rec.ImageName, ImageID: rec.ImageID,
		Labels: rec.Labels, Mounts: r.mounts(), Names: []string{rec.Name}, Networks: launch.NetworkNames(r.config()), Ports: r.ports(),
		Restarts: r.info.Restarts, StartedAt: s.Started.Unix(),
		State: s.State, Status: s.Text(r.list.now), Created: rec.Created.Unix(),
	}
	if s.Ended() {
		e.ExitedAt = s.Finished.Unix()
	} else if e.ExitCode == nil {
		e.ExitCode = new(int) // podman's, of what has not ended
	}
	if s.Lives() {
		e.Pid = rec.Pid
	}
	if r.list.namespaced {
		e.Namespaces = *r.namespaces()
	}
	if r.info.Err != nil {
		e.Error, e.ExitCode = r.info.Err.Error(), nil
	}
	return e
}

// ports are those that lead to the container.
func (r *row) ports() []network.Port {
	if !r.status.Lives() {
		return []network.Port{}
	}
	return launch.Published(r.list.records, r.info)
}

func published(ports []network.Port) string {
	var texts []string
	for _, p := range ports {
		texts = append(texts, p.Published())
	}
	return strings.Join(texts, ", ")
}

// mounts are the places that the user has mounted something at.
func (r *row) mounts() []string {
	config := r.config()
	places := []string{}
	for _, m := range config.Exec.Mounts {
		if m.Type != "tmpfs" {
			places = append(places, m.Destination)
		}
	}
	for _, v := range config.Volumes {
		places = append(places, v.Destination)
	}
	return places
}

// field gives what is in JSON to templates.
func (e *entry) field(name string) (any, bool, error) {
	switch name {
	case "AutoRemove":
		return e.AutoRemove, true, nil
	case "Exited":
		return e.Exited, true, nil
	case "ExitedAt":
		return e.ExitedAt, true, nil
	case "ExitCode":
		return e.ExitCode, true, nil
	case "IsInfra":
		return e.IsInfra, true, nil
	case "Mounts":
		return e.Mounts, true, nil
	case "Networks":
		return strings.Join(e.Networks, ","), true, nil
	case "Ports":
		return published(e.Ports), true, nil
	case "Pod", "PodName":
		return "", true, nil
	case "Pid":
		return e.Pid, true, nil
	case "Restarts":
		return e.Restarts, true, nil
	case "StartedAt":
		return e.StartedAt, true, nil
	case "Error":
		return e.Error, true, nil
	}
	return nil, false, nil
}
