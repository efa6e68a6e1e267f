// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/template"
)

// Format is what --format asks for, the one way for all commands:
//
//	""                      the command's own table
//	json                    one JSON array
//	{{json .}}              one JSON object per line
//	{{.ID}} {{.Names}}      a Go template, once per object, a line each
//	table {{.ID}}\t{{.Size}} the same in columns, with headings
//
// \t and \n in a template may be written so. Text that comes from an image or
// a registry cannot forge a line or move the cursor: what an action of the
// template puts out is escaped, but for what the template's author wrote in it.
type Format struct {
	// JSON asks for an array: WriteJSON does that.
	JSON bool
	// Table says that lines become columns, with headings or without.
	Table bool
	// Names are the headings of fields that are not simply their names.
	Names map[string]string
	tmpl  *template.Template
	text  string
}

// ParseFormat reads the value of --format. An error is a usage error.
func ParseFormat(text string) (Format, error) {
	if strings.TrimSpace(text) == "json" {
		return Format{JSON: true}, nil
	}
	f := Format{text: text}
	if rest, ok := strings.CutPrefix(strings.TrimLeft(text, " "), "table"); ok && (rest == "" || rest[0] == ' ') {
		f.Table, f.text = true, strings.TrimLeft(rest, " ")
	}
	if f.text == "" {
		return f, nil
	}
	f.text = unescape(f.text, f.Table)
	tmpl, err := template.Parse(f.text, Printable, formatFuncs())
	if err != nil {
		return f, errclass.New(errclass.Usage, "--format", fmt.Errorf("--format %q: line %w", text, err))
	}
	f.tmpl = tmpl
	return f, nil
}

// unescape reads \t and \n outside of actions. In a table, blanks between two
// actions part columns as a tab does.
func unescape(text string, table bool) string {
	var b strings.Builder
	for text != "" {
		plain, rest, found := strings.Cut(text, "{{")
		if table && found && plain != "" && strings.Trim(plain, " ") == "" {
			plain = "\t"
		}
		b.WriteString(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(plain))
		if !found {
			break
		}
		action, after, closed := strings.Cut(rest, "}}")
		b.WriteString("{{" + action)
		if closed {
			b.WriteString("}}")
		}
		text = after
	}
	return b.String()
}

// Default tells that --format asked for nothing, or for "table" alone: the
// command's own table.
func (f Format) Default() bool { return !f.JSON && f.tmpl == nil }

// Write executes the template for each item, a line each. With Table the
// columns are aligned, under headings when heading is true.
func Write[T any](w io.Writer, f Format, items []T, heading bool) error {
	if f.Table {
		return writeTable(w, f, items, heading)
	}
	for i := range items {
		line, err := f.line(&items[i])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

func (f Format) line(item any) (string, error) {
	var b strings.Builder
	if err := f.tmpl.Execute(&b, item); err != nil {
		return "", errclass.New(errclass.Usage, "--format", fmt.Errorf("--format %q: %w", f.text, err))
	}
	if !strings.HasSuffix(b.String(), "\n") {
		b.WriteByte('\n')
	}
	return b.String(), nil
}

func writeTable[T any](w io.Writer, f Format, items []T, heading bool) error {
	var t Table
	if heading {
		t.Heading = strings.Split(f.tmpl.Headings(f.columnName), "\t")
	}
	for i := range items {
		line, err := f.line(&items[i])
		if err != nil {
			return err
		}
		t.Add(strings.Split(strings.TrimSuffix(line, "\n"), "\t")...)
	}
	return t.Write(w)
}

// columnName is what stands over a column with that field: its words, in
// capitals.
func (f Format) columnName(field string) string {
	if name, ok := f.Names[field]; ok {
		return name
	}
	var b strings.Builder
	lower := false
	for _, r := range field {
		if lower && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
