// SPDX-License-Identifier: Apache-2.0

package jsoniter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ValueType is what WhatIsNext says.
type ValueType int

// InvalidValue: no value comes next. Of the others nobody asks.
const (
	InvalidValue ValueType = iota
	someValue
)

// Iterator takes a document apart as its caller asks for it. The table of contents
// of a zstd:chunked layer is read with it. The first Error stays, and ends
// everything.
type Iterator struct {
	Error error

	tokens *json.Decoder
	open   []json.Delim // what was entered and not left
	due    bool         // a value comes next, not a key or another element
}

// ParseBytes begins with a document.
func ParseBytes(_ API, data []byte) *Iterator {
	tokens := json.NewDecoder(bytes.NewReader(data))
	tokens.UseNumber()
	return &Iterator{tokens: tokens, due: true}
}

func (it *Iterator) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if it.Error == nil {
		it.Error = err
	}
}

// token is nil after an error, and for null.
func (it *Iterator) token() json.Token {
	if it.Error != nil {
		return nil
	}
	t, err := it.tokens.Token()
	if err != nil {
		it.fail(err)
		return nil
	}
	return t
}

// value takes the token of a value that is due.
func (it *Iterator) value() json.Token {
	if !it.due {
		it.fail(fmt.Errorf("at byte %d: no value", it.tokens.InputOffset()))
	}
	it.due = false
	return it.token()
}

func (it *Iterator) other(want string, got json.Token) {
	it.fail(fmt.Errorf("at byte %d: %v: not %s", it.tokens.InputOffset(), got, want))
}

// inside enters what begins with delim, or tells that it goes on, and is false
// for null.
func (it *Iterator) inside(delim json.Delim, name string) bool {
	if it.due {
		t := it.value()
		if t == nil {
			return false
		}
		if t != delim {
			it.other(name, t)
			return false
		}
		it.open = append(it.open, delim)
	} else if len(it.open) == 0 || it.open[len(it.open)-1] != delim {
		it.fail(fmt.Errorf("at byte %d: not in %s", it.tokens.InputOffset(), name))
	}
	return it.Error == nil
}

// leave takes the end of what was entered last.
func (it *Iterator) leave() {
	if it.token() != nil {
		it.open = it.open[:len(it.open)-1]
	}
}

// ReadObject enters an object that is due, and gives the next key of the one that
// it is in; "" at its end.
func (it *Iterator) ReadObject() string {
	if !it.inside('{', "an object") {
		return ""
	}
	if !it.tokens.More() {
		it.leave()
		return ""
	}
	key, ok := it.token().(string)
	it.due = ok
	return key
}

// ReadArray enters an array that is due, and tells whether the one that it is in
// has another element.
func (it *Iterator) ReadArray() bool {
	if !it.inside('[', "an array") {
		return false
	}
	if it.due = it.tokens.More(); !it.due {
		it.leave()
	}
	return it.due
}

// ReadString takes a string; null is "".
func (it *Iterator) ReadString() string {
	t := it.value()
	s, ok := t.(string)
	if t != nil && !ok {
		it.other("a string", t)
	}
	return s
}

// ReadInt64 takes a number.
func (it *Iterator) ReadInt64() int64 {
	t := it.value()
	number, ok := t.(json.Number)
	if !ok {
		it.other("a number", t)
		return 0
	}
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil {
		it.fail(err)
	}
	return n
}

// ReadInt takes a number.
func (it *Iterator) ReadInt() int { return int(it.ReadInt64()) }

// Skip takes a value of any kind.
func (it *Iterator) Skip() {
	if it.Error != nil {
		return
	}
	var whole json.RawMessage
	if err := it.tokens.Decode(&whole); err != nil {
		it.fail(err)
	}
	it.due = false
}

// WhatIsNext is InvalidValue, with Error io.EOF, when the document is at its end.
func (it *Iterator) WhatIsNext() ValueType {
	if it.Error != nil {
		return InvalidValue
	}
	if _, err := it.tokens.Token(); err != nil {
		it.Error = err // io.EOF, but inside something
		if len(it.open) > 0 {
			it.Error = io.ErrUnexpectedEOF
		}
		return InvalidValue
	}
	return someValue
}
