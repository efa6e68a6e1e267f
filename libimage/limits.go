// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

// limits say how long and how much the other side may keep us busy.
type limits struct {
	idle   time.Duration
	answer time.Duration // for a request and its answer, but for a blob's body
	memory uint64        // how much the answer to a small request may weigh
	lock   *sync.Mutex
}

const defaultMaxAnswer = 1 << 30

func (a Access) limits() limits {
	// The library itself waits up to a minute, four times, when a registry
	// says 429.
	memory := a.MaxAnswer
	if memory == 0 {
		memory = defaultMaxAnswer
	}
	return limits{idle: a.idle(), answer: 6 * a.idle(), memory: memory, lock: &sync.Mutex{}}
}

// bounded runs work, which is to be small: some requests with answers of some
// MiB. It is cancelled when it takes too long, or when the answer fills the
// memory: the library reads the body of an error whatever its length.
func (l limits) bounded(ctx context.Context, work func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var guard sync.WaitGroup
	guard.Go(func() {
		before, deadline := heap(), time.Now().Add(l.answer)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if now.After(deadline) {
					cancel(fail(errclass.Network, "", "%w: no complete answer within %v", ErrSilent, l.answer))
				} else if heap() > before+l.memory {
					cancel(fail(errclass.Network, "", "%w: an answer of more than %d MiB", ErrTooLarge, l.memory>>20))
				}
			}
		}
	})
	err := work(inner)
	close(done)
	guard.Wait()
	// On success the context stays: the library may keep it.
	if err != nil {
		err = because(ctx, inner, err)
		cancel(nil)
	}
	return err
}

// because puts the reason of our own cancellation in the place of
// "context canceled".
func because(outer, inner context.Context, err error) error {
	if err == nil || outer.Err() != nil || inner.Err() == nil {
		return err
	}
	if cause := context.Cause(inner); !errors.Is(err, cause) {
		return cause
	}
	return err
}

// watch cancels a context when a read takes too long.
type watch struct {
	outer, inner context.Context
	cancel       context.CancelCauseFunc
	timer        *time.Timer
	idle         time.Duration
}

func (l limits) watch(ctx context.Context) (*watch, context.Context) {
	inner, cancel := context.WithCancelCause(ctx)
	w := &watch{outer: ctx, inner: inner, cancel: cancel, idle: l.idle}
	w.timer = time.AfterFunc(l.answer, func() {
		cancel(fail(errclass.Network, "", "%w: %v", ErrSilent, l.idle))
	})
	return w, inner
}

func (w *watch) start()                { w.timer.Reset(w.idle) }
func (w *watch) pause()                { w.timer.Stop() }
func (w *watch) cause(err error) error { return because(w.outer, w.inner, err) }

func (w *watch) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
