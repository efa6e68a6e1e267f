// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/logfile"
)

// printer shows the events in the lines that are written to it.
type printer struct {
	w            io.Writer
	format       cli.Format
	filters      []filter
	since, until time.Time
	noTrunc      bool
}

func (p *printer) lines() logfile.Options { return logfile.Options{Out: [2]io.Writer{p, p}} }

// over tells that no event of now or later is shown.
func (p *printer) over(now time.Time) bool { return !p.until.IsZero() && now.After(p.until) }

// Write is called with whole lines. What is no event, as half a line after a
// crash, is passed over.
func (p *printer) Write(data []byte) (int, error) {
	var out bytes.Buffer
	for line := range bytes.Lines(data) {
		var e events.Event
		if json.Unmarshal(line, &e) != nil || !p.shown(&e) {
			continue
		}
		if err := p.print(&out, &e); err != nil {
			return 0, err
		}
	}
	if _, err := out.WriteTo(p.w); err != nil {
		return 0, err
	}
	return len(data), nil
}

func (p *printer) shown(e *events.Event) bool {
	if e.Time.Before(p.since) || !p.until.IsZero() && e.Time.After(p.until) {
		return false
	}
	for _, f := range p.filters {
		if !f.keep(e) {
			return false
		}
	}
	return true
}

func (p *printer) print(w io.Writer, e *events.Event) error {
	shown := item{
		ID: e.ID, Image: e.Image, Name: e.Name, Network: e.Network, Status: e.Action, Time: e.Time.Local(), Type: e.Type,
		ContainerExitCode: e.ExitCode, Attributes: e.Attributes,
	}
	if status, ok := e.Attributes["health_status"]; ok && e.Action == "health_status" {
		shown.HealthStatus = status
	}
	if !p.noTrunc {
		shown.ID = shown.ID[:min(len(shown.ID), 12)]
	}
	if p.format.Default() {
		_, err := fmt.Fprintln(w, cli.Printable(shown.text()))
		return err
	}
	return cli.Write(w, p.format, []item{shown}, false)
}

// item is an event as podman shows it.
type item struct {
	ContainerExitCode *int `json:",omitempty"`
	ID                string
	Image             string `json:",omitempty"`
	Name              string
	Network           string `json:",omitempty"`
	Status            string
	Time              time.Time
	Type              string
	HealthStatus      string            `json:",omitempty"`
	Attributes        map[string]string `json:",omitempty"`
}

// text is the line for people.
func (i *item) text() string {
	head := fmt.Sprintf("%s %s %s ", i.Time.Format("2006-01-02 15:04:05.999999999 -0700 MST"), i.Type, i.Status)
	switch i.Type {
	case events.Image:
		return head + strings.TrimRight(i.ID+" "+i.Name, " ")
	case events.Volume:
		return head + i.Name
	case events.Network:
		return head + fmt.Sprintf("%s (container=%s, name=%s)", i.ID, i.ID, i.Network)
	}
	text := head + fmt.Sprintf("%s (image=%s, name=%s", i.ID, i.Image, i.Name)
	if i.ContainerExitCode != nil {
		text += fmt.Sprintf(", exit_code=%d", *i.ContainerExitCode)
	}
	for _, key := range slices.Sorted(maps.Keys(i.Attributes)) {
		text += ", " + key + "=" + i.Attributes[key]
	}
	return text + ")"
}
