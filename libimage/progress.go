// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/types"
)

// EventKind says what happened.
type EventKind string

const (
	// EventStart: an image is going to be moved.
	EventStart EventKind = "start"
	// EventBlob: a layer or a config is going to be moved.
	EventBlob EventKind = "blob"
	// EventProgress: some more of a blob was moved.
	EventProgress EventKind = "progress"
	// EventDone: a blob is complete.
	EventDone EventKind = "done"
	// EventSkipped: a blob was there already.
	EventSkipped EventKind = "skipped"
	// EventStore: everything was moved, and is being stored for good.
	EventStore EventKind = "store"
	// EventRetry: something failed and is tried again; Message says what.
	EventRetry EventKind = "retry"
	// EventFinish: the image is there.
	EventFinish EventKind = "finish"
)

// Event is one step of a pull or a copy.
type Event struct {
	Kind    EventKind
	Image   string
	Digest  digest.Digest // of the blob
	Offset  int64         // of the blob, so far
	Size    int64         // of the blob, -1 when not known
	Message string
}

// reporter turns the library's events into ours. Only one call of the
// callback is made at a time.
type reporter struct {
	mu    sync.Mutex
	image string
	call  func(Event)
	// ours are the blobs that the engine tells of: to the library they are there
	// already.
	ours map[digest.Digest]bool
}

const progressInterval = 100 * time.Millisecond

func newReporter(image string, call func(Event)) *reporter {
	if call == nil {
		call = func(Event) {}
	}
	return &reporter{image: image, call: call, ours: map[digest.Digest]bool{}}
}

// begin sends the first event of a blob that the engine moves.
func (r *reporter) begin(e Event) {
	r.mu.Lock()
	r.ours[e.Digest] = true
	r.mu.Unlock()
	r.send(e)
}

func (r *reporter) isOurs(d digest.Digest) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ours[d]
}

func (r *reporter) send(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Image = r.image
	r.call(e)
}

// channel gives a channel for copy.Options.Progress, and a function that waits
// until all of it was reported.
func (r *reporter) channel() (chan types.ProgressProperties, func()) {
	events := make(chan types.ProgressProperties, 16)
	var done sync.WaitGroup
	done.Go(func() {
		for p := range events {
			kind, ok := map[types.ProgressEvent]EventKind{
				types.ProgressEventNewArtifact: EventBlob,
				types.ProgressEventRead:        EventProgress,
				types.ProgressEventDone:        EventDone,
				types.ProgressEventSkipped:     EventSkipped,
			}[p.Event]
			if ok && !r.isOurs(p.Artifact.Digest) {
				r.send(Event{Kind: kind, Digest: p.Artifact.Digest, Offset: int64(p.Offset), Size: p.Artifact.Size})
			}
		}
	})
	return events, func() {
		close(events)
		done.Wait()
	}
}
