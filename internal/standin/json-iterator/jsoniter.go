// SPDX-License-Identifier: Apache-2.0

// Package jsoniter stands in for json-iterator/go, with which the storage library
// reads and writes its indexes. It is a second encoding/json, for speed; ours is
// the one that is linked anyway, and so every program starts a twentieth faster and
// is 400 KB smaller. docs/start-cost.md has the numbers.
package jsoniter

import (
	"encoding/json"
	"io"
)

// API is encoding/json.
type API struct{}

// The ways of coding. There is one.
var ConfigCompatibleWithStandardLibrary, ConfigFastest API

// Marshal is that of encoding/json.
func (API) Marshal(v any) ([]byte, error) { return json.Marshal(v) }

// Unmarshal is that of encoding/json.
func (API) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// NewEncoder is that of encoding/json.
func (API) NewEncoder(w io.Writer) *json.Encoder { return json.NewEncoder(w) }

// NewDecoder is that of encoding/json.
func (API) NewDecoder(r io.Reader) *json.Decoder { return json.NewDecoder(r) }
