// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// DefaultDetachKeys is what a person types to leave a container alone, unless
// told otherwise.
const DefaultDetachKeys = "ctrl-p,ctrl-q"

// ParseDetachKeys reads a list of keys, separated by commas: a letter, or
// ctrl- with a letter or one of @ [ \ ] ^ _. The empty list is no keys.
func ParseDetachKeys(list string) ([]byte, error) {
	if list == "" {
		return nil, nil
	}
	var keys []byte
	for key := range strings.SplitSeq(list, ",") {
		name, control := strings.CutPrefix(key, "ctrl-")
		switch {
		case control && len(name) == 1 && name[0] >= 'a' && name[0] <= 'z':
			keys = append(keys, name[0]-'a'+1)
		case control && len(name) == 1 && (name[0] == '@' || name[0] >= '[' && name[0] <= '_'):
			keys = append(keys, name[0]&0x1f)
		case !control && len(key) == 1 && key[0] > ' ' && key[0] < 0x7f:
			keys = append(keys, key[0])
		default:
			return nil, errclass.New(errclass.Usage, "--detach-keys", fmt.Errorf("--detach-keys %q: %q is no key", list, key))
		}
	}
	return keys, nil
}

// detachKeys looks for the keys in what is typed. The first of them are held
// back until it is known whether the rest follows.
type detachKeys struct {
	keys  []byte
	typed int
	last  byte // of what was passed on
}

// pass gives what the container is to get of data, and whether the keys are
// complete. There is at least one byte.
func (d *detachKeys) pass(data []byte) ([]byte, bool) {
	d.last = data[len(data)-1]
	if len(d.keys) == 0 {
		return data, false
	}
	out := make([]byte, 0, len(data)+d.typed)
	for _, b := range data {
		// What was held back with this key, less what can be no beginning of the keys.
		pending := append(d.keys[:d.typed:d.typed], b)
		for !bytes.HasPrefix(d.keys, pending) {
			out, pending = append(out, pending[0]), pending[1:]
		}
		if d.typed = len(pending); d.typed == len(d.keys) {
			return out, true
		}
	}
	return out, false
}

// held are keys that were held back, for when nothing follows any more.
func (d *detachKeys) held() []byte { return d.keys[:d.typed] }
