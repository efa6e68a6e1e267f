// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/libstorage"
)

// Note writes down what happened to a container, for those who follow the
// events of the store. That it cannot be written is no reason to fail.
func Note(store places, c *libstorage.ContainerInfo, actions ...string) {
	for _, action := range actions {
		note(store, c, events.Event{Action: action})
	}
}

// NoteEnd writes down that a container's process has ended, for one that has no
// monitor to do it; code is nil when nobody saw it.
func NoteEnd(store places, c *libstorage.ContainerInfo, code *int) {
	note(store, c, events.Event{Action: "died", ExitCode: code})
}

func note(store places, c *libstorage.ContainerInfo, e events.Event) {
	_ = events.Append(events.Path(store.Root()), containerEvent(c, e))
}

// containerEvent says which container an event is about.
func containerEvent(c *libstorage.ContainerInfo, e events.Event) events.Event {
	r := &c.Record
	e.Type, e.ID, e.Name, e.Image = events.Container, r.ID, r.Name, r.ImageName
	e.Attributes = merged(r.Labels, e.Attributes)
	return e
}
