// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Table is rows of text in columns. Every cell is made printable, so that a
// name cannot forge a row.
type Table struct {
	Heading []string
	rows    [][]string
}

const (
	columnMin = 10
	columnGap = 2
)

// Add appends a row.
func (t *Table) Add(cells ...string) {
	for i, cell := range cells {
		cells[i] = Printable(cell)
	}
	t.rows = append(t.rows, cells)
}

// Write writes the heading, if there is one, and the rows.
func (t *Table) Write(w io.Writer) error {
	rows := t.rows
	if t.Heading != nil {
		rows = append([][]string{t.Heading}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, columnMin)
			}
			widths[i] = max(widths[i], width(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-width(cell)+columnGap))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// width counts characters that take a place; wide ones are taken for one.
func width(s string) int {
	n := utf8.RuneCountInString(s)
	for _, r := range s {
		if r >= utf8.RuneSelf && unicode.Is(unicode.Mn, r) {
			n--
		}
	}
	return n
}
