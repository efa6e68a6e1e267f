// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// decodeRecord reads a record in the shape in which this code writes it, and gives
// what encoding/json gives, in a fifth of the time: that was most of a list of a
// thousand containers. Of any other shape it says false, whatever is wrong or new
// in it, and encoding/json has the word.
func decodeRecord(data []byte, r *Record) bool {
	d := decoder{rest: string(data)} // of which all strings are parts
	d.object(func(key string) { d.field(r, key) })
	return !d.other && d.rest == ""
}

func (d *decoder) field(r *Record, key string) {
	switch key {
	case "format":
		r.Format = d.int()
	case "id":
		r.ID = d.text()
	case "name":
		r.Name = d.text()
	case "imageID":
		r.ImageID = d.text()
	case "imageName":
		r.ImageName = d.text()
	case "rootfs":
		r.Rootfs = d.text()
	case "driver":
		r.Driver = d.text()
	case "layers":
		r.Layers = d.texts()
	case "ids": // few have them
		raw := d.raw()
		d.other = d.other || json.Unmarshal(raw, &r.IDs) != nil
	case "imageMounts":
		r.ImageMounts = d.texts()
	case "volumes":
		r.Volumes = d.texts()
	case "runDir":
		r.RunDir = d.text()
	case "created":
		r.Created = d.time()
	case "command":
		r.Command = d.texts()
	case "labels":
		r.Labels = d.pairs(r.Labels)
	case "annotations":
		r.Annotations = d.pairs(r.Annotations)
	case "ephemeral":
		r.Ephemeral = d.yes()
	case "autoRemove":
		r.AutoRemove = d.yes()
	case "starts":
		r.Starts = d.int()
	case "runtime":
		r.Runtime = d.text()
	case "specDigest":
		r.SpecDigest = d.text()
	case "pid":
		r.Pid = d.int()
	case "startTime":
		r.StartTime = uint64(d.int())
	case "bootID":
		r.BootID = d.text()
	case "startedAt":
		r.StartedAt = d.time()
	case "exitCode":
		code := d.int()
		r.ExitCode = &code
	case "finished":
		r.Finished = d.time()
	case "oomKilled":
		r.OOMKilled = d.yes()
	case "error":
		r.Error = d.text()
	case "config":
		r.Config = d.raw()
	default:
		d.other = true
	}
}

// decoder takes JSON without white space apart. other is set, and stays so, when
// it meets something else than it was asked for.
type decoder struct {
	rest  string
	other bool
}

// next takes c if it comes next.
func (d *decoder) next(c byte) bool {
	if len(d.rest) == 0 || d.rest[0] != c {
		return false
	}
	d.rest = d.rest[1:]
	return true
}

func (d *decoder) want(c byte) {
	if !d.next(c) {
		d.other = true
	}
}

// object calls field for each key, to take what belongs to it.
func (d *decoder) object(field func(key string)) {
	if d.want('{'); d.next('}') {
		return
	}
	for !d.other {
		key := d.text()
		d.want(':')
		if field(key); !d.next(',') {
			break
		}
	}
	d.want('}')
}

func (d *decoder) pairs(all map[string]string) map[string]string {
	if all == nil {
		all = map[string]string{}
	}
	d.object(func(key string) { all[key] = d.text() })
	return all
}

func (d *decoder) texts() []string {
	all := []string{}
	if d.want('['); d.next(']') {
		return all
	}
	for !d.other {
		all = append(all, d.text())
		if !d.next(',') {
			break
		}
	}
	d.want(']')
	return all
}

// quoted takes a string as it stands, and tells whether it means itself.
func (d *decoder) quoted() (whole string, plain bool) {
	plain = true
	if !d.other && len(d.rest) > 0 && d.rest[0] == '"' {
		for i := 1; i < len(d.rest); i++ {
			switch c := d.rest[i]; {
			case c == '"':
				whole, d.rest = d.rest[:i+1], d.rest[i+1:]
				return whole, plain
			case c == '\\':
				plain = false
				i++
			case c < ' ' || c >= 0x80:
				plain = false
			}
		}
	}
	d.other = true
	return "", false
}

func (d *decoder) text() (s string) {
	whole, plain := d.quoted()
	switch {
	case d.other:
	case plain:
		s = whole[1 : len(whole)-1]
	default:
		d.other = json.Unmarshal([]byte(whole), &s) != nil
	}
	return s
}

func (d *decoder) time() (t time.Time) {
	if whole, _ := d.quoted(); !d.other {
		d.other = t.UnmarshalJSON([]byte(whole)) != nil
	}
	return t
}

func (d *decoder) yes() bool {
	var found bool
	if d.rest, found = strings.CutPrefix(d.rest, "true"); !found {
		d.other = true
	}
	return found
}

// int takes a number that is not negative.
func (d *decoder) int() int {
	n := 0
	for n < len(d.rest) && d.rest[n] >= '0' && d.rest[n] <= '9' {
		n++
	}
	number, err := strconv.Atoi(d.rest[:n])
	d.other = d.other || err != nil || n > 1 && d.rest[0] == '0'
	d.rest = d.rest[n:]
	return number
}

// raw takes an object as it stands.
func (d *decoder) raw() json.RawMessage {
	depth := 0
	for i := 0; i < len(d.rest); i++ {
		switch d.rest[i] {
		case '"':
			inner := decoder{rest: d.rest[i:]}
			if inner.quoted(); inner.other {
				d.other = true
				return nil
			}
			i = len(d.rest) - len(inner.rest) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth == 0 {
			whole := []byte(d.rest[:i+1])
			d.rest = d.rest[i+1:]
			d.other = d.other || whole[0] != '{' || !json.Valid(whole)
			return whole
		}
	}
	d.other = true
	return nil
}
