// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/ondisk"
)

// Write writes a service into dir: whole, or as it was.
func Write(dir string, s Service) error {
	return ondisk.Replace(filepath.Join(dir, s.Name), []byte(s.Text), 0o644, true)
}

// Generate is what a systemd generator does (systemd.generator(7)): it makes units
// in dir of all files of a set, and the links that [Install] asks for. What cannot
// be converted becomes a unit that fails and says why. The error is about writing
// alone.
func Generate(set *Set, dir string) (failed []error, err error) {
	for _, f := range set.Files {
		s, cerr := set.Convert(f)
		if cerr != nil {
			failed = append(failed, cerr)
			s = set.failing(f, cerr)
		}
		if werr := generate(dir, s); werr != nil {
			err = errors.Join(err, werr)
		}
	}
	return failed, err
}

// generate needs no temporary file: the directory is a fresh one, that systemd does
// not look at before we have ended.
func generate(dir string, s Service) error {
	if err := writeFile(filepath.Join(dir, s.Name), s.Text); err != nil {
		return err
	}
	for _, link := range s.Links {
		path := filepath.Join(dir, link)
		target := s.Name
		if strings.Contains(link, "/") {
			target = filepath.Join("..", s.Name)
		}
		err := os.Symlink(target, path)
		if errors.Is(err, fs.ErrNotExist) {
			if err = os.Mkdir(filepath.Dir(path), 0o755); err == nil {
				err = os.Symlink(target, path)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// failing is the service of a file that cannot be converted. It is wanted where
// the right one would be, and says what is wrong when it is started.
func (s *Set) failing(f *File, why error) Service {
	service := Service{Name: ServiceName(f)}
	var b strings.Builder
	fmt.Fprintf(&b, Mark+"%s, which cannot be used.\n", f.Name)
	fmt.Fprintf(&b, "\n[Unit]\nSourcePath=%s\nDescription=%s\n", Literal(strings.Map(printable, f.Path)), Literal("Broken: "+f.Name))
	b.WriteString("\n[Service]\nType=oneshot\n")
	args := []string{filepath.Join(s.Programs, "tug-unit"), "--failure"}
	for line := range strings.SplitSeq(why.Error(), "\n") {
		args = append(args, Literal(line))
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "$", "$$")
	}
	b.WriteString(command("ExecStart", args) + "\n")
	if install := f.Section("Install"); install != nil {
		service.Links = links(service.Name, install)
	}
	service.Text = b.String()
	return service
}
