// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/libimage"
)

var layer = digest.FromString("layer")

func events() []libimage.Event {
	return []libimage.Event{
		{Kind: libimage.EventStart, Image: "app", Message: "registry.example/app\x1b[2J:x"},
		{Kind: libimage.EventBlob, Image: "app", Digest: layer, Size: 100},
		{Kind: libimage.EventProgress, Image: "app", Digest: layer, Offset: 60, Size: 100},
		{Kind: libimage.EventRetry, Image: "app", Message: "cut\nfake line"},
		{Kind: libimage.EventStart, Image: "app", Message: "registry.example/app:x"},
		{Kind: libimage.EventBlob, Image: "app", Digest: layer, Size: -1},
		{Kind: libimage.EventDone, Image: "app", Digest: layer, Offset: 100, Size: -1},
		{Kind: libimage.EventSkipped, Image: "app", Digest: digest.FromString("other"), Size: 5},
		{Kind: libimage.EventFinish, Image: "app", Message: "id"},
	}
}

func show(t *testing.T, mode Mode) string {
	t.Helper()
	var out bytes.Buffer
	d, err := New(&out, mode, "Pulling")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events() {
		d.Event(e)
	}
	d.Close()
	return out.String()
}

func TestPlain(t *testing.T) {
	want := "Pulling registry.example/app\\x1b[2J:x\nPulling app: cut\\nfake line\nPulling registry.example/app:x\n"
	for _, mode := range []Mode{Auto, Plain} { // a buffer is no terminal
		if got := show(t, mode); got != want {
			t.Errorf("%s: %q, want %q", mode, got, want)
		}
	}
}

func TestJSON(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(show(t, JSON)), "\n")
	if len(lines) != len(events()) {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	want := map[int]string{
		0: `{"event":"start","image":"app","message":"registry.example/app\u001b[2J:x"}`,
		2: `{"event":"progress","image":"app","digest":"` + layer.String() + `","offset":60,"size":100}`,
		5: `{"event":"blob","image":"app","digest":"` + layer.String() + `"}`,
		8: `{"event":"finish","image":"app","message":"id"}`,
	}
	for i, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
		if w, ok := want[i]; ok && line != w {
			t.Errorf("line %d is %s, want %s", i, line, w)
		}
	}
}

func TestNone(t *testing.T) {
	if got := show(t, None); got != "" {
		t.Errorf("%q", got)
	}
}

func TestBars(t *testing.T) {
	got := show(t, Bars)
	if !strings.Contains(got, layer.Encoded()[:12]) || strings.Contains(got, "\x1b[2J") || strings.Contains(got, "fake line\n\n") {
		t.Errorf("%q", got)
	}
}

func TestMode(t *testing.T) {
	if _, err := New(&bytes.Buffer{}, "loud", ""); err == nil || !strings.Contains(err.Error(), "loud") {
		t.Errorf("%v", err)
	}
}

func TestTally(t *testing.T) {
	var all tally
	for _, step := range []struct {
		event libimage.Event
		want  string
	}{
		{libimage.Event{Kind: libimage.EventStart}, "waiting for the registry"},
		{libimage.Event{Kind: libimage.EventBlob, Digest: layer, Size: 2_000_000}, "0 of 1 blobs, 0B of 2MB"},
		{libimage.Event{Kind: libimage.EventProgress, Digest: layer, Offset: 500_000}, "0 of 1 blobs, 500kB of 2MB"},
		{libimage.Event{Kind: libimage.EventProgress, Digest: layer, Offset: 1_000_000}, "0 of 1 blobs, 1MB of 2MB"},
		{libimage.Event{Kind: libimage.EventDone, Digest: layer, Offset: 2_000_000}, "1 of 1 blobs, storing"},
	} {
		all.add(step.event)
		if got := all.String(); got != step.want {
			t.Errorf("%q, want %q", got, step.want)
		}
	}
}
