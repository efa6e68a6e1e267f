// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// start runs a front whose programs are empty files, and tells what would
// have been executed: the program's name and its arguments.
func start(t *testing.T, programs []string, args ...string) (ran []string, code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range programs {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	front := Front{
		Dirs: []string{dir}, Stdout: &out, Stderr: &errs,
		Exec: func(path string, argv, _ []string) error {
			ran = append([]string{filepath.Base(path)}, argv[1:]...)
			return nil
		},
	}
	code = front.Run(args)
	return ran, code, out.String(), errs.String()
}

var installed = []string{
	"tug-copy", "tug-images", "tug-inspect", "tug-inspect-remote",
	"tug-pull", "tug-export", "tug-commit", "tug-rmi", "tug-run", "tug-tag", "tug-version", "tug-mine",
}

func TestDispatch(t *testing.T) {
	for _, test := range []struct{ typed, want string }{
		{"pull busybox", "tug-pull busybox"},
		{"pull -q busybox --root /x", "tug-pull -q busybox --root /x"},
		{"--root X pull Y", "tug-pull --root=X Y"},
		{"--root=X pull Y", "tug-pull --root=X Y"},
		{"--root= pull Y", "tug-pull --root= Y"},
		{"--storage-opt a=b --storage-opt=c=d images", "tug-images --storage-opt=a=b --storage-opt=c=d"},
		{"--log-level debug --runtime runc run --rm busybox true", "tug-run --log-level=debug --runtime=runc --rm busybox true"},
		{"image ls -a", "tug-images -a"},
		{"image list", "tug-images"},
		{"image rm -f X", "tug-rmi -f X"},
		{"image tag X Y", "tug-tag X Y"},
		{"image pull X", "tug-pull X"},
		{"container export -o f X", "tug-export -o f X"},
		{"container commit X Y", "tug-commit X Y"},
		{"--root=X image inspect Y", "tug-inspect --type=image --root=X Y"},
		{"image --root X rm Y", "tug-rmi --root=X Y"},
		{"container run X", "tug-run X"},
		{"mine a b", "tug-mine a b"},
		{"inspect-remote X", "tug-inspect-remote X"},
		{"help pull", "tug-pull --help"},
		{"help image rm", "tug-rmi --help"},
		{"--help images", "tug-images --help"},
		{"pull --help", "tug-pull --help"},
		{"run -- --root", "tug-run -- --root"},
		{"__complete pull -", "tug-pull __complete -"},
		{"__complete --root X pull b", "tug-pull __complete --root=X b"},
		{"__complete image inspect b", "tug-inspect __complete --type=image b"},
	} {
		ran, code, _, stderr := start(t, installed, strings.Fields(test.typed)...)
		if got := strings.Join(ran, " "); got != test.want || code != 0 || stderr != "" {
			t.Errorf("tug %s: ran %q, code %d, stderr %q; want %q", test.typed, got, code, stderr, test.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct{ typed, want string }{
		{"pul busybox", `unknown verb "pul": did you mean "pull"?`},
		{"imges", `unknown verb "imges": did you mean "images"?`},
		{"rnu", `unknown verb "rnu": did you mean "run"?`},
		{"hepl", `unknown verb "hepl": did you mean "help"?`},
		{"shove X", `unknown verb "shove": "tug help" lists what there is`},
		{"frobnicate", `unknown verb "frobnicate": "tug help" lists what there is`},
		{"login", `verb "login": program tug-login is neither beside tug nor in PATH`},
		{"../pull", `unknown verb "../pull": "tug help" lists what there is`},
		{"PULL", `unknown verb "PULL": "tug help" lists what there is`},
		{"--frob pull", `unknown option --frob before the verb`},
		{"-q pull", `unknown option -q before the verb`},
		{"-- pull", `unknown option -- before the verb`},
		{"--root", `option --root needs a value`},
		{"image", `tug image: say one of ` + strings.Join(sortedKeys(spellings("image")), ", ") + ` after it`},
		{"image frob", `tug image: say one of ` + strings.Join(sortedKeys(spellings("image")), ", ") + ` after it`},
		{"help pull push", `help takes one verb, not also "push"`},
		{"completion", `completion takes one of bash, fish, zsh`},
		{"completion tcsh", `no completion for shell "tcsh": say one of bash, fish, zsh`},
		{"a\x1b[31m", `unknown verb "a\x1b[31m": "tug help" lists what there is`},
		{"--a\x1b[31m", `unknown option --a\x1b[31m before the verb`},
	} {
		ran, code, stdout, stderr := start(t, installed, strings.Fields(test.typed)...)
		if want := "Error: " + test.want + "\n"; stderr != want || code != 125 || stdout != "" || ran != nil {
			t.Errorf("tug %q: ran %q, code %d, stdout %q, stderr %q; want %q and 125", test.typed, ran, code, stdout, stderr, want)
		}
	}
}

func TestErrorAsJSON(t *testing.T) {
	_, code, _, stderr := start(t, installed, "--error-format", "json", "a\"\\\n\x01b")
	var got struct{ Class, Object, Message string }
	if err := json.Unmarshal([]byte(stderr), &got); err != nil {
		t.Fatalf("%q: %v", stderr, err)
	}
	if got.Class != "usage" || got.Object != "a\"\\\n\x01b" || code != 125 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%d %q", code, stderr)
	}
}

func TestExecFails(t *testing.T) {
	var errs bytes.Buffer
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "tug-pull"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	front := Front{Dirs: []string{dir}, Stdout: &errs, Stderr: &errs,
		Exec: func(string, []string, []string) error { return errors.New("exec format error") }}
	if code := front.Run([]string{"pull"}); code != 125 {
		t.Errorf("code %d", code)
	}
	if want := "Error: start " + dir + "/tug-pull: exec format error\n"; errs.String() != want {
		t.Errorf("%q, want %q", errs.String(), want)
	}
}

func TestList(t *testing.T) {
	_, code, stdout, stderr := start(t, installed, "help")
	for _, line := range []string{
		"  pull           Pull images from a registry into the store\n",
		"  completion     Print a completion script for bash, zsh or fish\n",
		"Other programs called tug-VERB:\n  mine           /",
		"  --storage-opt NAME=VALUE    Storage driver option; can be repeated\n",
	} {
		if !strings.Contains(stdout, line) {
			t.Errorf("no line %q in\n%s", line, stdout)
		}
	}
	for _, absent := range []string{"inspect-remote", "login"} {
		if strings.Contains(stdout, "  "+absent) {
			t.Errorf("%s is listed", absent)
		}
	}
	if code != 0 || stderr != "" {
		t.Errorf("code %d, stderr %q", code, stderr)
	}

	_, code, stdout, stderr = start(t, installed)
	if code != 125 || stdout != "" || !strings.HasSuffix(stderr, "Error: no verb given\n") || !strings.Contains(stderr, "  pull ") {
		t.Errorf("bare tug: code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestFindInOrder(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write := func(path string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(first, "tug-a"), 0o755)
	write(filepath.Join(second, "tug-a"), 0o755)
	write(filepath.Join(first, "tug-b"), 0o644) // not executable
	write(filepath.Join(second, "tug-b"), 0o755)
	if err := os.Mkdir(filepath.Join(first, "tug-c"), 0o755); err != nil {
		t.Fatal(err)
	}
	front := Front{Dirs: Places(filepath.Join(first, "tug"), second+"::.:relative:"+first)}
	if len(front.Dirs) != 2 {
		t.Errorf("places: %q", front.Dirs)
	}
	for verb, want := range map[string]string{
		"a": filepath.Join(first, "tug-a"), "b": filepath.Join(second, "tug-b"), "c": "", "": "", "-a": "", "x/../a": "",
	} {
		if got, err := front.find(verb); got != want || (err == nil) != (want != "") {
			t.Errorf("find(%q) = %q, %v; want %q", verb, got, err, want)
		}
	}
}

func TestManualPage(t *testing.T) {
	prefix := t.TempDir()
	for _, dir := range []string{"bin", "share/man/man1"} {
		if err := os.MkdirAll(filepath.Join(prefix, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"bin/tug-pull", "bin/man", "share/man/man1/tug-pull.1"} {
		if err := os.WriteFile(filepath.Join(prefix, file), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	front := Front{Dirs: []string{filepath.Join(prefix, "bin")},
		Exec: func(path string, argv, _ []string) error { got = append([]string{path}, argv...); return nil }}
	front.Run([]string{"help", "pull"})
	want := []string{prefix + "/bin/man", "man", prefix + "/share/man/man1/tug-pull.1"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%q, want %q", got, want)
	}
}
