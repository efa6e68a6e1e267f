// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

// Retry says how often what may pass is tried again: a broken connection, a
// 5xx or 429 answer. A wrong digest, a missing image or a wrong password is
// not tried again.
type Retry struct {
	// Times is how often again; 0 is not at all.
	Times int
	// Delay is the pause; 0 doubles it from one second up to a minute.
	Delay time.Duration
}

const (
	firstDelay = time.Second
	maxDelay   = time.Minute
)

// do runs work until it succeeds, fails for good or was tried often enough.
func (r Retry) do(ctx context.Context, again func(err error, delay time.Duration), work func() error) error {
	delay := firstDelay
	for try := 0; ; try++ {
		err := work()
		if err == nil || try >= r.Times || !mayPass(err) || ctx.Err() != nil {
			if err != nil && try > 0 {
				class, object := errclass.Of(err)
				err = errclass.New(class, object, fmt.Errorf("%w (tried %d times)", err, try+1))
			}
			return err
		}
		pause := delay
		if r.Delay > 0 {
			pause = r.Delay
		}
		again(err, pause)
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-time.After(pause):
		}
		delay = min(2*delay, maxDelay)
	}
}

// mayPass tells whether the same request could succeed later.
func mayPass(err error) bool {
	if errors.Is(err, ErrForbiddenHost) || errors.Is(err, ErrTooLarge) {
		return false
	}
	if errors.Is(err, http.ErrSchemeMismatch) || as[*tls.CertificateVerificationError](err) {
		return false // the other side will not change its mind
	}
	if status := statusOf(err); status == 501 || status == 505 {
		return false
	}
	return errors.Is(err, errclass.Network) || errors.Is(err, errclass.RateLimit)
}
