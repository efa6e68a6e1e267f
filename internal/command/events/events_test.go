// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/events"
)

func sample() []events.Event {
	at, code := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), 3
	return []events.Event{
		{Time: at, Type: "image", Action: "pull", ID: "i1", Name: "docker.io/library/box:latest"},
		{Time: at.Add(time.Second), Type: "container", Action: "create", ID: "c1c1c1c1c1c1c1c1", Name: "one", Image: "docker.io/library/box:latest", Attributes: map[string]string{"k": "v", "a": "\x1b"}},
		{Time: at.Add(2 * time.Second), Type: "container", Action: "died", ID: "c1c1c1c1c1c1c1c1", Name: "one", Image: "docker.io/library/box:latest", ExitCode: &code},
		{Time: at.Add(3 * time.Second), Type: "volume", Action: "create", Name: "data"},
	}
}

func show(t *testing.T, o options) string {
	t.Helper()
	var out bytes.Buffer
	p, err := o.printer(&out, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for _, e := range sample() {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	lines.WriteString("{\"time\": half\n\n[]\n")
	if _, err := p.Write(lines.Bytes()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestText(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	want := `2026-01-02 03:04:05.0000006 +0000 UTC image pull i1 docker.io/library/box:latest
2026-01-02 03:04:06.0000006 +0000 UTC container create c1c1c1c1c1c1 (image=docker.io/library/box:latest, name=one, a=\x1b, k=v)
2026-01-02 03:04:07.0000006 +0000 UTC container died c1c1c1c1c1c1 (image=docker.io/library/box:latest, name=one, exit_code=3)
2026-01-02 03:04:08.0000006 +0000 UTC volume create data
`
	if got := show(t, options{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFormats(t *testing.T) {
	got := show(t, options{format: "json", noTrunc: true, filters: []string{"event=died"}})
	var object map[string]any
	if err := json.Unmarshal([]byte(got), &object); err != nil || object["Status"] != "died" || object["ContainerExitCode"] != 3.0 || object["Type"] != "container" {
		t.Errorf("%v: %s", err, got)
	}
	if got := show(t, options{format: "{{.Type}} {{.Status}}", since: "2026-01-02T03:04:08Z"}); got != "volume create\n" {
		t.Errorf("%q", got)
	}
}

func TestFilters(t *testing.T) {
	for filters, want := range map[string]string{
		"":                            "pull create died create",
		"event=create":                "create create",
		"event=create event=died":     "create died create",
		"event=create type=container": "create",
		"container=one":               "create died",
		"container=c1c1":              "create died",
		"container=on":                "",
		"image=box":                   "pull create died",
		"image=library/box:latest":    "pull create died",
		"image=ox":                    "",
		"label=k":                     "create",
		"label=k=w":                   "",
		"label=k label=a":             "create",
		"volume=data":                 "create",
		"pod=x":                       "",
	} {
		got := show(t, options{format: "{{.Status}}", filters: strings.Fields(filters)})
		if got := strings.Join(strings.Fields(got), " "); got != want {
			t.Errorf("%s: %q, want %q", filters, got, want)
		}
	}
	for _, o := range []options{{filters: []string{"x"}}, {filters: []string{"x=y"}}, {format: "table {{.ID}}"}, {format: "{{"}, {since: "never"}, {until: "+x"}} {
		if _, err := o.printer(nil, time.Now()); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func FuzzWrite(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","type":"container","action":"died","id":"x"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		p, err := (&options{}).printer(&out, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Write(data); err != nil {
			t.Fatal(err)
		}
		if out.Len() > 0 && strings.Count(out.String(), "\n") > bytes.Count(data, []byte("\n"))+1 {
			t.Errorf("%q", out.String())
		}
	})
}
