// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/test/images"
)

// Options of a server.
type Options struct {
	// TLS serves HTTPS, with a certificate that only CertDir vouches for.
	TLS bool
}

// Server is a scriptable registry. It is safe for use by many clients at once.
type Server struct {
	// Host is 127.0.0.1:PORT, URL the same with its scheme.
	Host, URL string
	// CertDir holds ca.crt, for --cert-dir; empty without TLS.
	CertDir string

	t     testing.TB
	ended chan struct{}

	mu        sync.Mutex
	manifests map[string]manifest // by repo:tag and repo@digest
	blobs     map[digest.Digest]images.Blob
	tags      map[string][]string
	rules     []*Rule
	requests  []Request
}

type manifest struct {
	body      []byte
	mediaType string
}

// Request is one that the server got.
type Request struct {
	Method, Path, Range, Authorization string
}

// New starts a server that ends with the test.
func New(t testing.TB, opts Options) *Server {
	t.Helper()
	s := &Server{
		t: t, ended: make(chan struct{}),
		manifests: map[string]manifest{}, blobs: map[digest.Digest]images.Blob{}, tags: map[string][]string{},
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.Config.ErrorLog = nil
	if opts.TLS {
		server.StartTLS()
		s.CertDir = t.TempDir()
		ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(filepath.Join(s.CertDir, "ca.crt"), ca, 0o644); err != nil {
			t.Fatal(err)
		}
	} else {
		server.Start()
	}
	s.URL = server.URL
	_, s.Host, _ = strings.Cut(server.URL, "://")
	t.Cleanup(func() {
		close(s.ended) // stalled answers go on
		server.CloseClientConnections()
		server.Close()
	})
	return s
}

// Add serves an image as NAME:TAG and gives its full name.
func (s *Server) Add(image *images.Built, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	repo, tag, found := strings.Cut(name, ":")
	if !found {
		tag = "latest"
	}
	s.put(image, repo)
	s.manifests[repo+":"+tag] = manifest{image.Manifest, image.ManifestType}
	s.tags[repo] = append(s.tags[repo], tag)
	return s.Host + "/" + repo + ":" + tag
}

func (s *Server) put(image *images.Built, repo string) {
	for _, child := range image.Children {
		s.put(child, repo)
	}
	for sum, blob := range image.Blobs {
		s.blobs[sum] = blob
	}
	s.manifests[repo+":"+image.Digest().String()] = manifest{image.Manifest, image.ManifestType}
}

// Requests gives what was asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Count gives the number of requests with a method and a part of a path.
func (s *Server) Count(method, part string) int {
	n := 0
	for _, r := range s.Requests() {
		if r.Method == method && strings.Contains(r.Path, part) {
			n++
		}
	}
	return n
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.Header.Get("Range"), r.Header.Get("Authorization")})
	answer := Answer(nil)
	for _, rule := range s.rules {
		if rule.take(r) {
			answer = rule.answer
			break
		}
	}
	s.mu.Unlock()
	if answer != nil {
		answer(w, r, s)
		return
	}
	s.Serve(w, r)
}

// Serve answers as a registry should.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/v2/")
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	switch {
	case path == "":
		w.WriteHeader(http.StatusOK)
	case strings.HasSuffix(path, "/tags/list"):
		s.serveTags(w, strings.TrimSuffix(path, "/tags/list"))
	case strings.Contains(path, "/manifests/"):
		repo, ref, _ := strings.Cut(path, "/manifests/")
		s.serveManifest(w, r, repo+":"+ref)
	case strings.Contains(path, "/blobs/"):
		_, sum, _ := strings.Cut(path, "/blobs/")
		s.serveBlob(w, r, digest.Digest(sum))
	default:
		refuse(w, http.StatusNotFound, "UNSUPPORTED", "no such endpoint")
	}
}

func (s *Server) serveTags(w http.ResponseWriter, repo string) {
	s.mu.Lock()
	tags := s.tags[repo]
	s.mu.Unlock()
	if tags == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"name": repo, "tags": tags})
}

func (s *Server) serveManifest(w http.ResponseWriter, r *http.Request, name string) {
	s.mu.Lock()
	m, ok := s.manifests[name]
	s.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", m.mediaType)
	w.Header().Set("Docker-Content-Digest", digest.FromBytes(m.body).String())
	http.ServeContent(w, r, "", images.Epoch, bytes.NewReader(m.body))
}

func (s *Server) serveBlob(w http.ResponseWriter, r *http.Request, sum digest.Digest) {
	body, ok := s.blob(sum)
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", sum.String())
	http.ServeContent(w, r, "", images.Epoch, bytes.NewReader(body))
}

func (s *Server) blob(sum digest.Digest) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	blob, ok := s.blobs[sum]
	if !ok || blob.Path == "" {
		return blob.Data, ok
	}
	body, err := os.ReadFile(blob.Path)
	if err != nil {
		s.t.Error(err)
	}
	return body, err == nil
}

// body is what the right answer to r would carry.
func (s *Server) body(r *http.Request) ([]byte, http.Header) {
	record := httptest.NewRecorder()
	s.Serve(record, r)
	return record.Body.Bytes(), record.Header()
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"errors": []map[string]string{{"code": code, "message": message}},
	})
}
