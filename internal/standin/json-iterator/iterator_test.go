// SPDX-License-Identifier: Apache-2.0

package jsoniter

import (
	"errors"
	"io"
	"reflect"
	"testing"
)

type entry struct {
	name  string
	size  int64
	attrs map[string]string
}

// contents reads a document the way the storage library does.
func contents(data string) ([]entry, error) {
	it := ParseBytes(ConfigFastest, []byte(data))
	var all []entry
	for field := it.ReadObject(); field != ""; field = it.ReadObject() {
		if field != "entries" {
			it.Skip()
			continue
		}
		for it.ReadArray() {
			var e entry
			for field := it.ReadObject(); field != ""; field = it.ReadObject() {
				switch field {
				case "name":
					e.name = it.ReadString()
				case "size":
					e.size = it.ReadInt64()
				case "attrs":
					e.attrs = map[string]string{}
					for key := it.ReadObject(); key != ""; key = it.ReadObject() {
						e.attrs[key] = it.ReadString()
					}
				default:
					it.Skip()
				}
			}
			all = append(all, e)
		}
	}
	if it.Error != nil && it.Error != io.EOF {
		return nil, it.Error
	}
	if it.WhatIsNext() != InvalidValue || !errors.Is(it.Error, io.EOF) {
		return nil, errors.New("unexpected data")
	}
	return all, nil
}

func TestIterator(t *testing.T) {
	got, err := contents(` {"version":1,"x":{"entries":[{}]},"entries": [
		{"name":"a\u0041","size":12,"attrs":{"k":"v","l":null},"future":[1,{"name":"b"}]},
		{}, {"size":-3,"name":null,"attrs":{}}, null], "last":"x"} `)
	want := []entry{{"aA", 12, map[string]string{"k": "v", "l": ""}}, {}, {"", -3, map[string]string{}}, {}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, empty := range []string{"{}", "null", `{"entries":[]}`, `{"entries":null}`} {
		if got, err := contents(empty); err != nil || len(got) > 0 {
			t.Errorf("%s: %v, %v", empty, got, err)
		}
	}
	for _, bad := range []string{
		"", "{", "[]", `{"entries"`, `{"entries":`, `{"entries":[`, `{"entries":[{`, `{"entries":[{"name"`, `{"entries":[{}`, `{"entries":[{}]`,
		`{"entries":{}}`, `{"entries":["a"]}`, `{"entries":[[]]}`, `{"entries":[{"name":1}]}`, `{"entries":[{"size":"1"}]}`, `{"entries":[{"size":1.5}]}`,
		`{"entries":[{"size":null}]}`, `{"entries":[{"attrs":[]}]}`, `{"entries":[{"size":99999999999999999999}]}`, `{}{}`, `{} x`, `{"a":1,}`, `{"a" 1}`,
	} {
		if got, err := contents(bad); err == nil {
			t.Errorf("%s: %v", bad, got)
		}
	}
}

func FuzzIterator(f *testing.F) {
	f.Add(`{"entries":[{"name":"a","size":1,"attrs":{"k":"v"},"x":[null]}]}`)
	f.Fuzz(func(t *testing.T, data string) {
		var whole any
		_, err := contents(data)
		if err == nil && ConfigFastest.Unmarshal([]byte(data), &whole) != nil {
			t.Errorf("taken: %s", data)
		}
	})
}
