// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Status refuses with a status and the error body that registries send with it.
func Status(code int) Answer {
	return func(w http.ResponseWriter, r *http.Request, _ *Server) {
		word := "UNKNOWN"
		switch {
		case code == http.StatusUnauthorized:
			word = "UNAUTHORIZED"
		case code == http.StatusForbidden:
			word = "DENIED"
		case code == http.StatusTooManyRequests:
			word = "TOOMANYREQUESTS"
		case code == http.StatusNotFound && strings.Contains(r.URL.Path, "/blobs/"):
			word = "BLOB_UNKNOWN"
		case code == http.StatusNotFound:
			word = "MANIFEST_UNKNOWN"
		}
		refuse(w, code, word, "refused by the test: "+http.StatusText(code))
	}
}

// RateLimit answers 429; retryAfter is the header's value, empty for none.
func RateLimit(retryAfter string) Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *Server) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		refuse(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests")
	}
}

// Unauthorized answers 401 and asks for a password.
func Unauthorized() Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *Server) {
		w.Header().Set("WWW-Authenticate", `Basic realm="tests"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	}
}

// Password lets pass who names a user and a password, and asks the others.
func Password(user, password string) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		if u, p, ok := r.BasicAuth(); !ok || u != user || p != password {
			Unauthorized()(w, r, s)
			return
		}
		s.Serve(w, r)
	}
}

// HTML answers 200 with a login page, as captive portals do.
func HTML() Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *Server) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, "<!DOCTYPE html><html><title>Welcome to our network</title><body>Please log in.</body></html>")
	}
}

// Cut sends the right header, n bytes of the body, and drops the connection.
func Cut(n int) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		s.begin(w, r, n)
		panic(http.ErrAbortHandler)
	}
}

// Stall sends n bytes of the body, then nothing until the client goes away.
func Stall(n int) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		s.begin(w, r, n)
		select {
		case <-r.Context().Done():
		case <-s.ended:
		}
		panic(http.ErrAbortHandler)
	}
}

// Silent never answers at all.
func Silent() Answer {
	return func(_ http.ResponseWriter, r *http.Request, s *Server) {
		select {
		case <-r.Context().Done():
		case <-s.ended:
		}
		panic(http.ErrAbortHandler)
	}
}

// Trickle sends one byte each interval.
func Trickle(every time.Duration) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, header := s.body(r)
		copyHeader(w, header)
		for n := range body {
			if _, err := w.Write(body[n : n+1]); err != nil {
				return
			}
			flush(w)
			select {
			case <-r.Context().Done():
				return
			case <-s.ended:
				return
			case <-time.After(every):
			}
		}
	}
}

// Corrupt flips a bit in the middle of the body.
func Corrupt() Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, header := s.body(r)
		body = append([]byte(nil), body...)
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		copyHeader(w, header)
		_, _ = w.Write(body)
	}
}

// Body answers 200 with other content, of a media type when one is given,
// under the right answer's other headers.
func Body(content []byte, mediaType string) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		_, header := s.body(r)
		copyHeader(w, header)
		if mediaType != "" {
			w.Header().Set("Content-Type", mediaType)
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(content)
	}
}

// MediaType answers rightly but for the media type.
func MediaType(mediaType string) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, _ := s.body(r)
		Body(body, mediaType)(w, r, s)
	}
}

// Digest answers rightly but for the digest in the header.
func Digest(sum string) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, header := s.body(r)
		copyHeader(w, header)
		w.Header().Set("Docker-Content-Digest", sum)
		_, _ = w.Write(body)
	}
}

// Longer sends extra zeros after the body and announces them.
func Longer(extra int) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, _ := s.body(r)
		Body(append(append([]byte(nil), body...), make([]byte, extra)...), "")(w, r, s)
	}
}

// Shorter announces and sends less of the body.
func Shorter(by int) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, _ := s.body(r)
		Body(body[:max(0, len(body)-by)], "")(w, r, s)
	}
}

// Endless sends the body and then zeros, chunked, for as long as the client
// reads, or up to limit bytes.
func Endless(limit int64) Answer {
	return func(w http.ResponseWriter, r *http.Request, s *Server) {
		body, header := s.body(r)
		header.Del("Content-Length")
		copyHeader(w, header)
		_, _ = w.Write(body)
		zeros := make([]byte, 64<<10)
		for sent := int64(0); sent < limit; sent += int64(len(zeros)) {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}
}

// Redirect sends the client elsewhere.
func Redirect(target string) Answer {
	return func(w http.ResponseWriter, r *http.Request, _ *Server) {
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	}
}

// begin sends the header of the right answer and the first n bytes.
func (s *Server) begin(w http.ResponseWriter, r *http.Request, n int) {
	body, header := s.body(r)
	copyHeader(w, header)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body[:min(n, len(body))])
	flush(w)
}

func copyHeader(w http.ResponseWriter, from http.Header) {
	for key, values := range from {
		w.Header()[key] = values
	}
}

func flush(w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}
