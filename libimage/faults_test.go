// SPDX-License-Identifier: Apache-2.0

package libimage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/libimage"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// TestFaults: each wrong answer ends a pull with one line of the right class,
// leaves nothing, and what was there before still works.
func TestFaults(t *testing.T) {
	huge := append([]byte(`{"schemaVersion":2,"x":"`), bytes.Repeat([]byte("x"), 5<<20)...)
	for _, tc := range []struct {
		name   string
		script func(s *hostile.Server)
		class  error
		says   string
	}{
		{"unknown tag", func(s *hostile.Server) { s.On("GET", "/manifests/", refuse(404, "MANIFEST_UNKNOWN")) }, libimage.ErrNotFound, ""},
		{"401", func(s *hostile.Server) { s.On("", "", hostile.Unauthorized()) }, libimage.ErrAuth, ""},
		{"403", func(s *hostile.Server) { s.On("GET", "/manifests/", refuse(403, "DENIED")) }, libimage.ErrAuth, ""},
		{"429", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.RateLimit("0")) }, libimage.ErrRateLimit, ""},
		{"500", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.Status(500)) }, libimage.ErrNetwork, "500"},
		{"503 for a blob", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Status(503)) }, libimage.ErrNetwork, "503"},
		{"404 for a blob", func(s *hostile.Server) { s.On("GET", "/blobs/", refuse(404, "BLOB_UNKNOWN")) }, libimage.ErrNotFound, "sha256:"},
		{"blob cut", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Cut(100)).After(1) }, libimage.ErrNetwork, "sha256:"},
		{"blob corrupt", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Corrupt()).After(1) }, libimage.ErrVerification, "wrong digest"},
		{"blob longer", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Longer(1)).After(1) }, libimage.ErrVerification, "wrong length"},
		{"blob shorter", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Shorter(1)).After(1) }, libimage.ErrVerification, "wrong length"},
		{"blob endless", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Endless(1<<40)).After(1) }, libimage.ErrVerification, "wrong length"},
		{"config corrupt", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Corrupt()).Times(1) }, libimage.ErrVerification, "wrong digest"},
		{"config endless", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Endless(1<<40)) }, libimage.ErrVerification, "wrong length"},
		{"silent manifest", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.Silent()) }, libimage.ErrNetwork, ""},
		{"stalled blob", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Stall(50)).After(1) }, libimage.ErrNetwork, "no data"},
		{"web page", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.HTML()) }, libimage.ErrNotImage, ""},
		{"huge manifest", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.Body(huge, "")) }, nil, "exceeded"},
		{"endless manifest", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.Endless(1<<40)) }, nil, ""},
		{"endless error", func(s *hostile.Server) { s.On("GET", "/manifests/", endlessError) }, libimage.ErrTooLarge, ""},
		{"404 web page", func(s *hostile.Server) { s.On("GET", "/manifests/", page(404)) }, libimage.ErrNotFound, ""},
		{"403 web page", func(s *hostile.Server) { s.On("GET", "/manifests/", page(403)) }, libimage.ErrAuth, ""},
		{"empty manifest", func(s *hostile.Server) { s.On("GET", "/manifests/", hostile.Body(nil, "")) }, libimage.ErrNotImage, ""},
		{"redirect loop", func(s *hostile.Server) {
			s.On("GET", "/blobs/", hostile.Redirect(s.URL+"/v2/loop/blobs/again")).After(1)
		}, libimage.ErrNetwork, "redirects"},
		{"redirect to a file", func(s *hostile.Server) {
			s.On("GET", "/blobs/", hostile.Redirect("file:///etc/shadow")).After(1)
		}, nil, ""},
		{"redirect to metadata", func(s *hostile.Server) {
			s.On("GET", "/blobs/", hostile.Redirect("http://169.254.169.254/latest/meta-data")).After(1)
		}, libimage.ErrForbiddenHost, "169.254.169.254"},
		{"not gzip", func(s *hostile.Server) { s.On("GET", "/blobs/", hostile.Body([]byte("x"), "")).After(1) }, libimage.ErrVerification, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			store, server := newStore(t), hostile.New(t, hostile.Options{})
			opts := libimage.PullOptions{Access: plain(t)}
			if tc.name == "silent manifest" || tc.name == "stalled blob" {
				opts.Access.Idle = 400 * time.Millisecond
			}
			opts.Access.MaxAnswer = 256 << 20
			good := mustPull(t, store, server.Add(smallImage(t, nil), "app:good"), opts)
			bad := server.Add(smallImage(t, func(i *images.Image) {
				i.Layers[1].Entries = []images.Entry{images.File("other", 0o644, noise(300_000))}
			}), "app:bad")
			tc.script(server)
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			_, err := libimage.Pull(ctx, store, bad, opts)
			oneLine(t, err, bad)
			if tc.class != nil && !errors.Is(err, tc.class) {
				t.Errorf("%v: not %v", err, tc.class)
			}
			if ctx.Err() != nil {
				t.Error("it took too long")
			}
			if err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v: does not say %q", err, tc.says)
			}
			unchanged(t, store, 2, good.ID)
			server.Clear()
			got := mustPull(t, store, bad, opts)
			unchanged(t, store, 3, good.ID, got.ID)
		})
	}
}

// refuse answers with a status and its code.
func refuse(status int, code string) hostile.Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *hostile.Server) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"errors":[{"code":%q,"message":"refused by the test"}]}`, code)
	}
}

func page(status int) hostile.Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *hostile.Server) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		fmt.Fprint(w, "<html>No.</html>")
	}
}

// endlessError refuses with a body that does not end.
func endlessError(w http.ResponseWriter, r *http.Request, _ *hostile.Server) {
	w.WriteHeader(http.StatusNotFound)
	block := make([]byte, 1<<20)
	for r.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

func TestRetry(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, nil), "app")
	opts := libimage.PullOptions{Access: plain(t), Retry: libimage.Retry{Times: 2, Delay: time.Millisecond}}
	var retries []string
	opts.Progress = func(e libimage.Event) {
		if e.Kind == libimage.EventRetry {
			retries = append(retries, e.Message)
		}
	}
	server.On("GET", "/blobs/", hostile.Cut(10)).Times(1)
	server.On("GET", "/manifests/", hostile.Status(502)).Times(1)
	mustPull(t, store, name, opts)
	if len(retries) != 1 { // the cut blob was continued within the try
		t.Errorf("retries: %q", retries)
	}
	server.On("GET", "/manifests/", hostile.Status(502))
	_, err := libimage.Pull(t.Context(), store, name, opts)
	if !errors.Is(err, libimage.ErrNetwork) || !strings.Contains(err.Error(), "tried 3 times") {
		t.Errorf("%v", err)
	}
	server.Clear()
	before := len(server.Requests())
	server.On("GET", "/manifests/", refuse(404, "MANIFEST_UNKNOWN"))
	if _, err := libimage.Pull(t.Context(), store, name, opts); !errors.Is(err, libimage.ErrNotFound) {
		t.Errorf("%v", err)
	}
	if n := len(server.Requests()) - before; n > 3 {
		t.Errorf("%d requests for an image that is not there", n)
	}
}

func TestRetryAfter(t *testing.T) {
	store, server := newStore(t), hostile.New(t, hostile.Options{})
	name := server.Add(smallImage(t, nil), "app")
	server.On("GET", "/manifests/", hostile.RateLimit("1")).Times(1)
	begin := time.Now()
	mustPull(t, store, name, libimage.PullOptions{Access: plain(t)})
	if took := time.Since(begin); took < time.Second {
		t.Errorf("Retry-After: 1 was ignored: %v", took)
	}
	server.On("GET", "/manifests/", hostile.RateLimit("1000000000"))
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := libimage.Pull(ctx, store, name, libimage.PullOptions{Access: plain(t)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestDown: nobody listens.
func TestDown(t *testing.T) {
	store := newStore(t)
	_, err := libimage.Pull(t.Context(), store, "127.0.0.1:1/app:x", libimage.PullOptions{Access: plain(t)})
	oneLine(t, err, "127.0.0.1:1/app:x")
	if !errors.Is(err, libimage.ErrNetwork) {
		t.Errorf("%v", err)
	}
	unchanged(t, store, 0)
}
