// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

type item struct {
	ID     string `json:"Id"`
	Names  []string
	Size   int64
	Labels map[string]string
	Next   *item
}

// nasty clears the screen, forges a row and reorders text.
const nasty = "a\x1b[2J\nb\u202ec\x9b\x7f\r"

func TestFormat(t *testing.T) {
	it := item{ID: "1", Names: []string{"x", "y"}, Size: 7, Labels: map[string]string{"k": nasty}}
	evil := item{ID: nasty, Names: []string{nasty}, Next: &it}
	for _, tc := range []struct {
		format string
		item   item
		want   string
	}{
		{"{{.ID}}", it, "1\n"},
		{`{{.ID}}\t{{.Size}}\n`, it, "1\t7\n"},
		{"{{.Names}}", it, "[x y]\n"},
		{`{{join .Names ", "}}`, it, "x, y\n"},
		{"{{range .Names}}<{{.}}>{{end}}", it, "<x><y>\n"},
		{`{{range .Names}}{{println .}}{{end}}`, it, "x\ny\n"},
		{`{{.ID}}{{"\n"}}{{.Size}}`, it, "1\n7\n"},
		{`{{printf "%03d %s" .Size .ID}}`, it, "007 1\n"},
		{"{{.Labels.missing}}", it, "<no value>\n"},
		{"{{if .Next}}{{.Next.ID}}{{else}}none{{end}}", evil, "1\n"},
		{"{{json .Size}}", it, "7\n"},
		{"{{$x := .ID}}{{$x}}", it, "1\n"},
		{"{{upper \"a\"}}{{title \"bc\"}}", it, "ABc\n"},
		{"{{.ID}}", evil, `a\x1b[2J\nb\u202ec\x9b\x7f\r` + "\n"},
		{"{{.Names}}", evil, `[a\x1b[2J\nb\u202ec\x9b\x7f\r]` + "\n"},
		{"{{join .Names \"\"}}{{print .ID}}", evil, strings.Repeat(`a\x1b[2J\nb\u202ec\x9b\x7f\r`, 2) + "\n"},
		{"{{with .Next}}{{index .Labels \"k\"}}{{end}}", evil, `a\x1b[2J\nb\u202ec\x9b\x7f\r` + "\n"},
	} {
		f, err := ParseFormat(tc.format)
		if err != nil {
			t.Errorf("%q: %v", tc.format, err)
			continue
		}
		var buf bytes.Buffer
		if err := Write(&buf, f, []item{tc.item}, true); err != nil || buf.String() != tc.want {
			t.Errorf("%q gives %q, %v; want %q", tc.format, buf.String(), err, tc.want)
		}
	}
}

func TestFormatTable(t *testing.T) {
	for _, heading := range []bool{true, false} {
		f, err := ParseFormat(`table {{.ID}}\t{{.Size}}`)
		f.Names = map[string]string{"ID": "IMAGE ID"}
		if err != nil || !f.Table || f.Default() {
			t.Fatal(f, err)
		}
		var buf bytes.Buffer
		if err := Write(&buf, f, []item{{ID: "a", Size: 1}, {ID: nasty, Size: 22}}, heading); err != nil {
			t.Fatal(err)
		}
		want := "a                                1\n" + `a\x1b[2J\nb\u202ec\x9b\x7f\r` + "  22\n"
		if heading {
			want = "IMAGE ID                         SIZE\n" + want
		}
		want = strings.ReplaceAll(want, "                                1", strings.Repeat(" ", len(`a\x1b[2J\nb\u202ec\x9b\x7f\r`)+1)+"1")
		want = strings.Replace(want, "IMAGE ID                         SIZE", "IMAGE ID"+strings.Repeat(" ", len(`a\x1b[2J\nb\u202ec\x9b\x7f\r`)-6)+"SIZE", 1)
		if buf.String() != want {
			t.Errorf("heading %v:\n%q, want\n%q", heading, buf.String(), want)
		}
	}
}

func TestFormatHeadings(t *testing.T) {
	f, err := ParseFormat(`table {{.ID}}  {{.CreatedAt}} {{.CPUPerc}}\tof {{.ImageID}}`)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := Write(&buf, f, []item{}, true); err != nil {
		t.Fatal(err)
	}
	if want := "ID          CREATED AT  CPUPERC     of IMAGE ID\n"; buf.String() != want {
		t.Errorf("%q, want %q", buf.String(), want)
	}
}

func TestParseTime(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"10m":                           now.Add(-10 * time.Minute),
		"1h30m":                         now.Add(-90 * time.Minute),
		"0":                             time.Unix(0, 0),
		"1700000000":                    time.Unix(1700000000, 0),
		"1700000000.5":                  time.Unix(1700000000, 500000000),
		"1700000000.000000001":          time.Unix(1700000000, 1),
		"2025-01-02T03:04:05Z":          time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC),
		"2025-01-02T03:04:05.25+01:00":  time.Date(2025, 1, 2, 2, 4, 5, 250000000, time.UTC),
		"2025-01-02T03:04:05":           time.Date(2025, 1, 2, 3, 4, 5, 0, time.Local),
		"2025-01-02T03:04:05.000000001": time.Date(2025, 1, 2, 3, 4, 5, 1, time.Local),
		"2025-01-02T03:04":              time.Date(2025, 1, 2, 3, 4, 0, 0, time.Local),
		"2025-01-02":                    time.Date(2025, 1, 2, 0, 0, 0, 0, time.Local),
		"2025-01-02Z":                   time.Date(2025, 1, 2, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := ParseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("ParseTime(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "1.1234567890", "1.-1", "2025-13-01", "99999999999999999999"} {
		if got, err := ParseTime(text, now); err == nil {
			t.Errorf("ParseTime(%q) = %v", text, got)
		}
	}
}

func TestFormatKinds(t *testing.T) {
	for text, check := range map[string]func(Format) bool{
		"":      func(f Format) bool { return f.Default() && !f.JSON },
		"table": func(f Format) bool { return f.Default() && f.Table },
		"json":  func(f Format) bool { return f.JSON },
	} {
		if f, err := ParseFormat(text); err != nil || !check(f) {
			t.Errorf("ParseFormat(%q) = %+v, %v", text, f, err)
		}
	}
	for _, text := range []string{"{{", "{{.ID", "{{nonsense .}}", "table {{"} {
		if _, err := ParseFormat(text); !errors.Is(err, errclass.Usage) {
			t.Errorf("ParseFormat(%q) = %v; want a usage error", text, err)
		}
	}
	f, err := ParseFormat("{{.Missing}}")
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(&bytes.Buffer{}, f, []item{{}}, false); !errors.Is(err, errclass.Usage) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a field that is not there: %v", err)
	}
}

func TestWriteJSON(t *testing.T) {
	var buf bytes.Buffer
	if err := WriteJSON(&buf, []item{{ID: nasty + "<&>", Labels: map[string]string{"a": "b"}}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range buf.String() {
		if r != '\n' && (hidden(r)) && r != '\uFFFD' {
			t.Errorf("%U on the terminal in %s", r, buf.String())
		}
	}
	var back []item
	if err := json.Unmarshal(buf.Bytes(), &back); err != nil || !strings.HasPrefix(back[0].ID, "a\x1b[2J\nb\u202ec") || !strings.HasSuffix(back[0].ID, "<&>") {
		t.Errorf("read back: %+v, %v", back, err)
	}
}

func TestHuman(t *testing.T) {
	for bytes, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 1986629: "1.99 MB", 123456789: "123 MB", -1: "?", 1 << 62: "4.61 EB"} {
		if got := Size(bytes); got != want {
			t.Errorf("Size(%d) = %q, want %q", bytes, got, want)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		t    time.Time
		want string
	}{
		{now, "Less than a second ago"},
		{now.Add(-time.Second), "1 second ago"},
		{now.Add(-90 * time.Second), "About a minute ago"},
		{now.Add(-59 * time.Minute), "59 minutes ago"},
		{now.Add(-80 * time.Minute), "About an hour ago"},
		{now.Add(-90 * time.Minute), "2 hours ago"},
		{now.Add(-15 * 24 * time.Hour), "2 weeks ago"},
		{now.Add(-73 * time.Hour), "3 days ago"},
		{now.AddDate(-3, 0, 0), "3 years ago"},
		{time.Time{}, "unknown"},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "in the future"},
		{time.Unix(0, 0).UTC(), "56 years ago"},
	} {
		if got := Ago(tc.t, now); got != tc.want {
			t.Errorf("Ago(%v) = %q, want %q", tc.t, got, tc.want)
		}
	}
}
