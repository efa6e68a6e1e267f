// SPDX-License-Identifier: Apache-2.0

// Command make writes manual pages: see package manual.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/tug-containers/tug/internal/manual"
)

const pages = "docs/man"

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "options":
		err = options()
	case len(os.Args) == 3 && os.Args[1] == "roff":
		err = roff(os.Args[2])
	default:
		err = fmt.Errorf("usage: make options | make roff DIR")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// options writes the generated sections of the pages anew, in place.
func options() error {
	for verb, cmd := range manual.Commands() {
		path := filepath.Join(pages, "tug-"+verb+".1.md")
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rewritten, dropped, err := manual.Rewrite(string(page), cmd)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, name := range dropped {
			fmt.Printf("%s: dropped %s, which the program does not have\n", path, name)
		}
		if rewritten == string(page) {
			continue
		}
		if err := os.WriteFile(path, []byte(rewritten), 0o644); err != nil {
			return err
		}
		fmt.Println("wrote", path)
	}
	return nil
}

// roff turns every page into what man(1) reads.
func roff(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	paths, err := filepath.Glob(filepath.Join(pages, "*.md"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no pages in %s", pages)
	}
	for _, path := range paths {
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		if err := os.WriteFile(filepath.Join(dir, name), md2man.Render(page), 0o644); err != nil {
			return err
		}
	}
	return nil
}
