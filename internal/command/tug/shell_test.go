// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakePull answers as cobra does: it completes one flag's value, flags, image
// names with a colon, and nothing else.
const fakePull = `#!/bin/sh
[ "$1" = __complete ] || { echo "ran with $*"; exit 0; }
for last; do :; done
case $last in
--policy=*) echo always; echo never; echo :4 ;;
--authfile=*) echo :0 ;;
-*) printf -- '--policy\tWhen to pull\n--authfile\tWhere logins are\n:4\n' ;;
here*) echo :0 ;;
*) printf 'docker.io/library/busybox:1.36\ndocker.io/library/busybox:1.37\nlocalhost/one:latest\n:4\n' ;;
esac
echo 'Completion ended' >&2
`

// bin makes a directory with a real tug and a program beside it.
func bin(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "tug"), "github.com/tug-containers/tug/cmd/tug")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tug: %v\n%s", err, out)
	}
	for _, name := range []string{"tug-pull", "tug-images"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(fakePull), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func needShell(t *testing.T, name string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("needs ", name)
	}
}

// ask runs a shell on a program text, with dir first in PATH and in an empty
// working directory that has one file, herefile, and one directory, heredir.
func ask(t *testing.T, dir, shell string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(shell, arguments...)
	cmd.Dir = workDir(t)
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", shell, arguments, err, out)
	}
	return string(out)
}

func workDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "herefile"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "heredir"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// asBash calls the completion function on a line as readline would: the words
// of COMP_WORDS are cut at COMP_WORDBREAKS, which has = and : in it.
const asBash = `
source <(tug completion bash)
COMP_LINE=$1 COMP_POINT=${#1}
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tug
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}" | sort
true
`

func TestBash(t *testing.T) {
	needShell(t, "bash")
	dir := bin(t)
	for _, test := range []struct {
		line  string
		words string // as bash cuts them, | between
		want  string
	}{
		{"tug pul", "tug|pul", "pull"},
		{"tug imag", "tug|imag", "image images"},
		{"tug completion ", "tug|completion|", "bash fish zsh"},
		{"tug image l", "tug|image|l", "list load ls"},
		{"tug --ro", "tug|--ro", "--root"},
		{"tug --root /x pul", "tug|--root|/x|pul", "pull"},
		{"tug --root=/x pul", "tug|--root|=|/x|pul", "pull"},
		{"tug --error-format=j", "tug|--error-format|=|j", "json"},
		{"tug --error-format j", "tug|--error-format|j", "json"},
		{"tug pull --pol", "tug|pull|--pol", "--policy"},
		{"tug pull --policy=", "tug|pull|--policy|=", "always never"},
		{"tug pull --policy=n", "tug|pull|--policy|=|n", "never"},
		{"tug-pull --policy=n", "tug-pull|--policy|=|n", "never"},
		{"tug pull loc", "tug|pull|loc", "localhost/one:latest"},
		{"tug pull localhost/one:", "tug|pull|localhost/one|:", "latest"},
		{"tug pull docker.io/library/busybox:1.3", "tug|pull|docker.io/library/busybox|:|1.3", "1.36 1.37"},
		{"tug image pull localhost/one:l", "tug|image|pull|localhost/one|:|l", "latest"},
		{"tug-pull loc", "tug-pull|loc", "localhost/one:latest"},
		{"tug pull 'a b' loc", "tug|pull|'a b'|loc", "localhost/one:latest"},
		{"tug nothere ", "tug|nothere|", ""},
	} {
		args := append([]string{"--norc", "-c", asBash, "bash", test.line}, strings.Split(test.words, "|")...)
		got := strings.Join(strings.Fields(ask(t, dir, "bash", args...)), " ")
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.line, got, test.want)
		}
	}
}

func TestFish(t *testing.T) {
	needShell(t, "fish")
	dir := bin(t)
	for line, want := range map[string]string{
		"tug pul":                 "pull\tPull images from a registry into the store",
		"tug-pull loc":            "localhost/one:latest",
		"tug pull --pol":          "--policy\tWhen to pull",
		"tug pull --policy=n":     "--policy=never",
		"tug --root=/x pul":       "pull\tPull images from a registry into the store",
		"tug --error-format=j":    "--error-format=json",
		"tug pull localhost/one:": "localhost/one:latest",
		"tug pull herefi":         "herefile",
		"tug --root hered":        "heredir/",
		"tug --root=hered":        "--root=heredir/",
	} {
		out := ask(t, dir, "fish", "--no-config", "-c",
			"tug completion fish | source; complete -C '"+line+"'")
		got := strings.TrimSpace(out)
		if got != want && strings.TrimSuffix(got, "\tDirectory") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
