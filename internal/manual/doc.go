// SPDX-License-Identifier: Apache-2.0

// Package manual keeps the manual pages in docs/man in step with the programs.
//
// A page is written by hand in Markdown, but for two of its sections. Under
// OPTIONS and GLOBAL OPTIONS, the heading of each option and the paragraph
// under it come from the very flags that the program parses; paragraphs after
// that one are kept as they were written. So
//
//	go run ./internal/manual/make options
//
// is run after a flag was added or changed, and a test fails until it was. A
// program with commands of its own has one page, with a part ## COMMAND for each
// of them at the end of OPTIONS.
//
//	go run ./internal/manual/make roff DIR
//
// makes the pages that man(1) reads. No program of the product links this.
package manual
