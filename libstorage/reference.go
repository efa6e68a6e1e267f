// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"fmt"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// reference is an image name taken apart: domain/path:tag@digest. The grammar
// is the one of the distribution project, written out by hand because its
// package compiles a dozen regular expressions at every start.
type reference struct {
	domain string // "" for a short name
	path   string
	tag    string
	digest string
}

const (
	latest       = "latest"
	localDomain  = "localhost"
	hubDomain    = "docker.io"
	hubLibrary   = "library/"
	maxNameBytes = 255
	maxTagBytes  = 128
)

// parseReference takes a name apart. A first component with a dot, a colon or
// a capital, and "localhost", is a domain.
func parseReference(s string) (reference, error) {
	var r reference
	bad := func(why string) (reference, error) {
		return reference{}, errclass.New(errclass.Usage, s, fmt.Errorf("%q: %w of an image: %s", s, ErrInvalidName, why))
	}
	rest := s
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		rest, r.digest = rest[:i], rest[i+1:]
		if !validDigest(r.digest) {
			return bad("not a digest after @")
		}
	}
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, '/') {
		rest, r.tag = rest[:i], rest[i+1:]
		if !validTag(r.tag) {
			return bad("not a tag after the colon")
		}
	}
	if i := strings.IndexByte(rest, '/'); i >= 0 && isDomain(rest[:i]) {
		r.domain, rest = rest[:i], rest[i+1:]
		if !validDomain(r.domain) {
			return bad("not a host name before the slash")
		}
	}
	r.path = rest
	if len(r.domain)+len(r.path) > maxNameBytes {
		return bad("longer than 255 bytes")
	}
	for part := range strings.SplitSeq(r.path, "/") {
		if !validComponent(part) {
			return bad("a component is lower case letters and digits, and between them . _ __ or dashes")
		}
	}
	if r.domain == hubDomain && !strings.Contains(r.path, "/") {
		r.path = hubLibrary + r.path
	}
	return r, nil
}

func (r reference) String() string {
	s := r.path
	if r.domain != "" {
		s = r.domain + "/" + s
	}
	if r.tag != "" {
		s += ":" + r.tag
	}
	if r.digest != "" {
		s += "@" + r.digest
	}
	return s
}

// repository is the name without tag and digest.
func (r reference) repository() string {
	return reference{domain: r.domain, path: r.path}.String()
}

// tagged gives the name a tag when it has neither tag nor digest, and takes
// the tag off when it has both, as docker and podman do: the digest decides.
func (r reference) tagged() reference {
	switch {
	case r.digest != "":
		r.tag = ""
	case r.tag == "":
		r.tag = latest
	}
	return r
}

// candidates are the full names that a name may stand for, in the order in
// which they are tried.
func (r reference) candidates() []reference {
	r = r.tagged()
	if r.domain != "" {
		return []reference{r}
	}
	local, hub := r, r
	local.domain, hub.domain = localDomain, hubDomain
	if !strings.Contains(hub.path, "/") {
		hub.path = hubLibrary + hub.path
	}
	return []reference{local, hub}
}

// stands tells whether the short name r can stand for the full name: the same
// tag, and the path is the end of its repository.
func (r reference) stands(full reference) bool {
	if r.digest != "" || r.domain != "" || r.tagged().tag != full.tag {
		return false
	}
	repository := full.repository()
	return repository == r.path || strings.HasSuffix(repository, "/"+r.path)
}

// isDomain decides as the distribution project does.
func isDomain(s string) bool {
	return strings.ContainsAny(s, ".:") || s == localDomain || strings.ToLower(s) != s
}

func validDomain(s string) bool {
	host, port, found := s, "", false
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		for _, c := range []byte(s[1:end]) {
			if !hexDigit(c) && c != ':' && (c < 'A' || c > 'F') {
				return false
			}
		}
		if s = s[end+1:]; s == "" {
			return true
		}
		return s[0] == ':' && isNumber(s[1:])
	}
	if host, port, found = strings.Cut(s, ":"); found && !isNumber(port) {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if !isLower(c) && !isDigit(c) && (c < 'A' || c > 'Z') && c != '-' {
				return false
			}
		}
	}
	return true
}

func validComponent(s string) bool {
	if s == "" || !alphanumeric(s[0]) || !alphanumeric(s[len(s)-1]) {
		return false
	}
	for i := 0; i < len(s); {
		n := i
		for n < len(s) && !alphanumeric(s[n]) {
			n++
		}
		switch sep := s[i:n]; {
		case sep == "", sep == ".", sep == "_", sep == "__", strings.Trim(sep, "-") == "":
		default:
			return false
		}
		i = n + 1
	}
	return true
}

func validTag(s string) bool {
	if s == "" || len(s) > maxTagBytes || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if !alphanumeric(c) && (c < 'A' || c > 'Z') && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

func validDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		if hex, ok = strings.CutPrefix(s, "sha512:"); !ok || len(hex) != 128 {
			return false
		}
		return isHexString(hex)
	}
	return isID(hex)
}

// isID tells a full image ID: 64 hexadecimal digits.
func isID(s string) bool { return len(s) == 64 && isHexString(s) }

func isHexString(s string) bool {
	for _, c := range []byte(s) {
		if !hexDigit(c) {
			return false
		}
	}
	return s != ""
}

func isNumber(s string) bool {
	for _, c := range []byte(s) {
		if !isDigit(c) {
			return false
		}
	}
	return s != ""
}

func hexDigit(c byte) bool     { return isDigit(c) || (c >= 'a' && c <= 'f') }
func isDigit(c byte) bool      { return c >= '0' && c <= '9' }
func isLower(c byte) bool      { return c >= 'a' && c <= 'z' }
func alphanumeric(c byte) bool { return isLower(c) || isDigit(c) }
