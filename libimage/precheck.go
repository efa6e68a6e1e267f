// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/manifest"
)

const (
	maxManifest  = 4 << 20
	maxConfig    = 4 << 20
	maxDepth     = 64
	maxLayers    = 1024
	maxInstances = 4096
)

// summary is what the border must know of a manifest.
type summary struct {
	mediaType string // what the document is, by its own word and its form
	list      bool
	image     bool // an image with a config, not an artifact
	config    descriptor
	layers    int                     // of an image
	blobs     map[digest.Digest]int64 // declared size of config and layers
}

type descriptor struct {
	MediaType string          `json:"mediaType"`
	Digest    digest.Digest   `json:"digest"`
	Size      json.Number     `json:"size"`
	Data      []byte          `json:"data"`
	URLs      []string        `json:"urls"`
	Platform  json.RawMessage `json:"platform"`
}

type document struct {
	SchemaVersion json.Number   `json:"schemaVersion"`
	MediaType     string        `json:"mediaType"`
	Config        *descriptor   `json:"config"`
	Layers        *[]descriptor `json:"layers"`
	Manifests     *[]descriptor `json:"manifests"`
	FSLayers      *[]any        `json:"fsLayers"`
	Subject       *descriptor   `json:"subject"`
}

// checkManifest looks at a manifest before anything uses it. served is the
// media type that the other side declared, or "".
//
// It refuses what two readers could understand differently (both layers and
// manifests, a key twice, a media type that contradicts the content), what is
// out of bounds (depth, count, sizes, digests), and Docker schema 1.
func checkManifest(object string, raw []byte, served string) (*summary, error) {
	s, err := readManifest(raw, served)
	if err == nil {
		return s, nil
	}
	class := errclass.Verification
	if errors.Is(err, ErrNotImage) {
		class = errclass.Unsupported
	}
	return nil, fail(class, object, "%s: %w", object, err)
}

func readManifest(raw []byte, served string) (*summary, error) {
	if len(raw) > maxManifest {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrManifest, maxManifest)
	}
	if trimmed := bytes.TrimLeft(raw, " \t\r\n\ufeff"); len(trimmed) == 0 || trimmed[0] != '{' {
		return nil, fmt.Errorf("%w: the manifest is no JSON object (it begins with %q)", ErrNotImage, head(trimmed))
	}
	if err := checkJSON(raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	var doc document
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrManifest, err)
	}
	kind, list, err := doc.kind(served)
	if err != nil {
		return nil, err
	}
	s := &summary{mediaType: kind, list: list, blobs: map[digest.Digest]int64{}}
	if list {
		return s, s.addAll(*doc.Manifests, maxInstances, false)
	}
	if doc.Config == nil {
		return nil, fmt.Errorf("%w: no config", ErrManifest)
	}
	size, err := doc.Config.size()
	if err != nil {
		return nil, fmt.Errorf("%w: config: %w", ErrManifest, err)
	}
	if size > maxConfig {
		return nil, fmt.Errorf("%w: config of %d bytes, more than %d", ErrManifest, size, maxConfig)
	}
	s.config, s.layers = *doc.Config, len(*doc.Layers)
	s.image = doc.Config.MediaType == imgspec.MediaTypeImageConfig || doc.Config.MediaType == manifest.DockerV2Schema2ConfigMediaType
	return s, s.addAll(append([]descriptor{*doc.Config}, *doc.Layers...), maxLayers, true)
}

// kind settles what the document is; form, its own word and the transport's
// word must agree.
func (doc *document) kind(served string) (kind string, list bool, err error) {
	single, list := doc.Layers != nil, doc.Manifests != nil
	switch {
	case doc.FSLayers != nil || doc.SchemaVersion == "1":
		return "", false, fmt.Errorf("%w: Docker schema 1, which is no longer supported", ErrNotImage)
	case single && list, list && doc.Config != nil:
		return "", false, fmt.Errorf("%w: ambiguous, both an image and an index", ErrManifest)
	case !single && !list:
		return "", false, fmt.Errorf("%w: neither layers nor manifests", ErrNotImage)
	case doc.SchemaVersion != "2":
		return "", false, fmt.Errorf("%w: schemaVersion is %q, not 2", ErrManifest, doc.SchemaVersion)
	}
	for _, word := range []string{doc.MediaType, served} {
		isList, known := mediaTypes[strings.TrimSpace(strings.SplitN(word, ";", 2)[0])]
		if known && isList != list {
			return "", false, fmt.Errorf("%w: ambiguous, the media type is %s but the content is not", ErrManifest, word)
		}
	}
	if doc.MediaType != "" && served != "" && doc.MediaType != served {
		if _, known := mediaTypes[served]; known {
			return "", false, fmt.Errorf("%w: ambiguous, served as %s but says %s", ErrManifest, served, doc.MediaType)
		}
	}
	if kind = doc.MediaType; kind == "" {
		kind = served
	}
	return kind, list, nil
}

// mediaTypes tells which of the known types are lists.
var mediaTypes = map[string]bool{
	imgspec.MediaTypeImageManifest:          false,
	imgspec.MediaTypeImageIndex:             true,
	manifest.DockerV2Schema2MediaType:       false,
	manifest.DockerV2ListMediaType:          true,
	manifest.DockerV2Schema1MediaType:       false,
	manifest.DockerV2Schema1SignedMediaType: false,
}

func (s *summary) addAll(all []descriptor, most int, blobs bool) error {
	if len(all) > most {
		return fmt.Errorf("%w: %d entries, more than %d", ErrManifest, len(all), most)
	}
	var total int64
	for _, d := range all {
		size, err := d.size()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrManifest, err)
		}
		if total += size; total < 0 {
			return fmt.Errorf("%w: the sizes overflow", ErrManifest)
		}
		if old, ok := s.blobs[d.Digest]; ok && old != size && blobs {
			return fmt.Errorf("%w: %s has two sizes, %d and %d", ErrManifest, d.Digest, old, size)
		}
		s.blobs[d.Digest] = size
		if d.Data != nil && (int64(len(d.Data)) != size || digestOf(d.Digest, d.Data) != d.Digest) {
			return fmt.Errorf("%w: the data field of %s is something else", ErrManifest, d.Digest)
		}
	}
	return nil
}

// size checks a descriptor and gives its size.
func (d descriptor) size() (int64, error) {
	if err := checkDigest(d.Digest); err != nil {
		return 0, err
	}
	size, err := d.Size.Int64()
	if err != nil || size < 0 || size == math.MaxInt64 {
		return 0, fmt.Errorf("%s: invalid size %q", d.Digest, head([]byte(d.Size)))
	}
	return size, nil
}

func digestOf(like digest.Digest, data []byte) digest.Digest {
	return like.Algorithm().FromBytes(data)
}

// checkJSON reads the tokens: one value, not too deep, no key twice.
func checkJSON(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	type level struct {
		keys map[string]bool // nil in an array
		key  bool            // the next token is a key
	}
	var stack []level
	for done := false; !done || len(stack) > 0; {
		token, err := dec.Token()
		if err != nil {
			return fmt.Errorf("not valid JSON: %w", noEOF(err))
		}
		done = true
		top := len(stack) - 1
		if key, ok := token.(string); ok && top >= 0 && stack[top].key {
			// Go's decoder, unlike others, ignores the case of a key.
			folded := strings.ToLower(key)
			if stack[top].keys[folded] {
				return fmt.Errorf("ambiguous: the key %q is there twice", head([]byte(key)))
			}
			stack[top].keys[folded], stack[top].key = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{keys: map[string]bool{}, key: true})
		case json.Delim('['):
			stack = append(stack, level{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
		}
		if len(stack) > maxDepth {
			return fmt.Errorf("nested deeper than %d", maxDepth)
		}
		if token != json.Delim('{') && token != json.Delim('[') {
			if top = len(stack) - 1; top >= 0 && stack[top].keys != nil {
				stack[top].key = true
			}
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the document")
	}
	return nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func head(b []byte) string {
	return string(b[:min(len(b), 16)])
}
