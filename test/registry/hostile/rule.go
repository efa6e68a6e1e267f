// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"net/http"
	"strings"
)

// Answer answers one request in the server's place. It may call s.Serve.
type Answer func(w http.ResponseWriter, r *http.Request, s *Server)

// Rule says which requests get an Answer.
type Rule struct {
	method, part string
	answer       Answer
	left, skip   int
	limited      bool
}

// On adds a rule for requests with a method ("" is any) and a part of the
// path ("/manifests/", "/blobs/sha256:...", "" is any).
func (s *Server) On(method, part string, answer Answer) *Rule {
	rule := &Rule{method: method, part: part, answer: answer}
	s.mu.Lock()
	s.rules = append(s.rules, rule)
	s.mu.Unlock()
	return rule
}

// Times limits the rule to the first n requests that match.
func (r *Rule) Times(n int) *Rule {
	r.left, r.limited = n, true
	return r
}

// After lets n matching requests pass first.
func (r *Rule) After(n int) *Rule {
	r.skip = n
	return r
}

// Clear forgets all rules: the registry is healthy again.
func (s *Server) Clear() {
	s.mu.Lock()
	s.rules = nil
	s.mu.Unlock()
}

func (r *Rule) take(req *http.Request) bool {
	if r.method != "" && r.method != req.Method || !strings.Contains(req.URL.Path, r.part) {
		return false
	}
	if r.skip > 0 {
		r.skip--
		return false
	}
	if r.limited {
		if r.left == 0 {
			return false
		}
		r.left--
	}
	return true
}
