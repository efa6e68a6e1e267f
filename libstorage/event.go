// SPDX-License-Identifier: Apache-2.0

package libstorage

import "github.com/tug-containers/tug/internal/events"

// NoteImage writes down what happened to an image, for those who follow the
// events of the store. That it cannot be written is no reason to fail.
func (s *Store) NoteImage(action, id, name string) {
	if s.readOnly {
		return
	}
	_ = events.Append(events.Path(s.root), events.Event{Type: events.Image, Action: action, ID: id, Name: name})
}

// noteVolume does that for a volume.
func (s *Store) noteVolume(action string, v *Volume) {
	_ = events.Append(events.Path(s.root), events.Event{
		Type: events.Volume, Action: action, ID: v.Name, Name: v.Name, Attributes: v.Labels,
	})
}
