// SPDX-License-Identifier: Apache-2.0

package template_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	texttemplate "text/template"
	"time"

	"github.com/tug-containers/tug/internal/template"
)

type thing struct {
	ID     string
	Names  []string
	Size   int64
	Ratio  float64
	Ready  bool
	Labels map[string]string
	Any    any
	At     time.Time
	Next   *thing
	inner
	hidden string
}

type inner struct{ Deep string }

func sample() *thing {
	return &thing{
		ID: "abc", Names: []string{"x", "y", "z"}, Size: 42, Ratio: 1.5, Ready: true,
		Labels: map[string]string{"b": "2", "a": "1"}, Any: map[string]any{"k": []int{1, 2}},
		At: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), Next: &thing{ID: "next"}, inner: inner{Deep: "down"}, hidden: "h",
	}
}

func plain(s string) string { return s }

// The same templates give the same text as text/template, where that knows
// them.
var same = []string{
	"", "text", "{{.ID}}", "{{.ID}} {{.Size}}\n", "{{.Names}}", "{{.Labels}}", "{{.Labels.a}}", "{{.Labels.missing}}",
	"{{.Next.ID}}", "{{.Deep}}", "{{.Ratio}}", "{{.Ready}}", "{{.Any.k}}", "{{index .Any.k 1}}", "{{index .Names 2}}", `{{index .Labels "b"}}`,
	"{{range .Names}}<{{.}}>{{end}}", "{{range $i, $n := .Names}}{{$i}}={{$n}};{{end}}", "{{range $n := .Names}}{{$n}}{{end}}",
	"{{range .Next.Names}}a{{else}}none{{end}}", "{{range $k, $v := .Labels}}{{$k}}{{$v}}{{end}}",
	"{{range .Names}}{{if eq . \"y\"}}{{continue}}{{end}}{{.}}{{end}}", "{{range .Names}}{{if eq . \"y\"}}{{break}}{{end}}{{.}}{{end}}",
	"{{if .Ready}}yes{{else}}no{{end}}", "{{if .Next.Ready}}yes{{else if .ID}}id{{end}}", "{{with .Next}}{{.ID}}{{$.ID}}{{end}}", "{{with .Next.Next}}a{{else}}b{{end}}",
	"{{$x := .ID}}{{$x}}", "{{$x := 1}}{{$x = 2}}{{$x}}", "{{(index .Names 0)}}", "{{.ID | printf \"%5s|\"}}", "{{printf \"%03d %.1f %q %v\" .Size .Ratio .ID .Ready}}",
	"{{print 1 2}}{{print \"a\" \"b\"}}", "{{println .ID}}", "{{len .Names}}", "{{len .ID}}", "{{slice .ID 1}}{{slice .Names 0 2}}",
	"{{and 1 0}}{{and .ID .Size}}{{or 0 \"\"}}{{or .ID 1}}", "{{not .Ready}}", "{{eq .ID \"abc\"}}{{eq .ID \"x\" \"abc\"}}{{ne .Size 42}}",
	"{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 1 2}}{{lt \"a\" \"b\"}}", "{{/* comment */}}a{{- \" b \" -}} c", "{{`raw`}}{{'a'}}{{true}}{{1.5}}",
	"{{.At.Format \"2006\"}}", "{{.At.UTC.Unix}}", "{{.At}}", "{{.Next}}x{{if not .Next.Next}}end{{end}}",
	"{{if and .Ready (gt .Size 1)}}both{{end}}", "{{range .Names}}{{$.Size}}{{end}}", "{{$.Next.ID}}", "{{(.Next).ID}}",
}

func TestSameAsTextTemplate(t *testing.T) {
	for _, text := range same {
		tmpl, err := texttemplate.New("").Parse(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		var want bytes.Buffer
		wantErr := tmpl.Execute(&want, sample())
		if strings.Contains(text, "{{.Next}}") {
			continue // a pointer within: text/template prints an address
		}
		got, gotErr := execute(text, sample())
		if got != want.String() || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%q gives %q, %v; text/template %q, %v", text, got, gotErr, want.String(), wantErr)
		}
	}
}

func execute(text string, data any) (string, error) {
	tmpl, err := template.Parse(text, plain, nil)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = tmpl.Execute(&b, data)
	return b.String(), err
}

func TestRefuses(t *testing.T) {
	for _, text := range []string{
		"{{", "{{.ID", "{{nonsense}}", "{{.Missing}}", "{{.hidden}}", "{{.ID.More}}", "{{.Next.Next.ID}}", "{{index .Names 9}}", "{{index .Names -1}}",
		"{{index .Size 1}}", "{{slice .ID 2 1}}", "{{slice .ID 9}}", "{{len .Size}}", "{{lt .ID 1}}", "{{range .Size}}{{end}}", "{{range .ID}}{{end}}",
		"{{template \"x\"}}", "{{.ID 1}}", "{{1 | 2}}", "{{$x}}", "{{.At.Year}}", "{{.At.Format 1}}", "{{printf}}", "{{printf 1}}", "{{eq 1}}", "{{not}}", "{{and}}",
	} {
		if got, err := execute(text, sample()); err == nil {
			t.Errorf("%q is accepted and gives %q", text, got)
		} else if strings.Contains(err.Error(), "\n") || err.Error() == "" {
			t.Errorf("%q: error %q", text, err)
		}
	}
}

type computed struct{ Plain string }

func (computed) Field(name string) (any, bool, error) {
	return "computed " + name, name == "Extra", nil
}

func TestFielder(t *testing.T) {
	if got, err := execute("{{.Extra}} {{.Plain}}", &computed{Plain: "p"}); err != nil || got != "computed Extra p" {
		t.Errorf("got %q, %v", got, err)
	}
}

type caller struct{}

func (caller) Call(name string, args []any) (any, error) {
	if name != "Label" || len(args) != 1 {
		return nil, errors.New("not that")
	}
	return args[0], nil
}

func TestCaller(t *testing.T) {
	for text, want := range map[string]string{`{{.Label "k"}}`: "k", `{{"k" | .Label}}`: "k", `{{if eq (.Label "a") "a"}}yes{{end}}`: "yes"} {
		tmpl, err := template.Parse(text, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := tmpl.Execute(&out, caller{}); err != nil || out.String() != want {
			t.Errorf("%s: %q, %v", text, out.String(), err)
		}
	}
	for _, text := range []string{`{{.Label}}`, `{{.Label "a" "b"}}`, `{{.Other "a"}}`} {
		tmpl, err := template.Parse(text, plain, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tmpl.Execute(&bytes.Buffer{}, caller{}); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestEscape(t *testing.T) {
	escape := func(s string) string { return "<" + s + ">" }
	tmpl, err := template.Parse(`{{.ID}}{{"lit"}}{{print .ID}}{{printf "%s-%d" .ID .Size}}{{range .Names}}{{.}}{{end}}{{$a := .ID}}{{$a}}`, escape, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := tmpl.Execute(&b, sample()); err != nil || b.String() != "<abc>lit<abc><abc>-42<x><y><z><abc>" {
		t.Errorf("got %q, %v", b.String(), err)
	}
}

// FuzzTemplate looks for a panic, and for a template without loops that runs
// on.
func FuzzTemplate(f *testing.F) {
	for _, text := range same {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Count(text, "range") > 3 || len(text) > 500 {
			return
		}
		_, _ = execute(text, sample())
	})
}
