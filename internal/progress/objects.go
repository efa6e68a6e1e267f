// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"encoding/json"
	"io"

	"github.com/tug-containers/tug/libimage"
)

// objects prints one JSON object on a line for each event. The fields are
// stable; those that do not apply are left out.
type objects struct{ w io.Writer }

type object struct {
	Event   libimage.EventKind `json:"event"`
	Image   string             `json:"image"`
	Digest  string             `json:"digest,omitempty"`
	Offset  *int64             `json:"offset,omitempty"`
	Size    *int64             `json:"size,omitempty"`
	Message string             `json:"message,omitempty"`
}

func (o *objects) Event(e libimage.Event) {
	line := object{Event: e.Kind, Image: e.Image, Digest: string(e.Digest), Message: e.Message}
	switch e.Kind {
	case libimage.EventProgress, libimage.EventDone:
		line.Offset = &e.Offset
		fallthrough
	case libimage.EventBlob, libimage.EventSkipped:
		if e.Size >= 0 {
			line.Size = &e.Size
		}
	}
	raw, err := json.Marshal(line)
	if err != nil {
		return
	}
	_, _ = o.w.Write(append(raw, '\n')) // progress that nobody can read stops nothing
}

func (o *objects) Close() {}
