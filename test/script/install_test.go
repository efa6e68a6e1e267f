// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestVerbs compares the Makefile's lists with the programs: each verb has a
// directory below cmd and answers as a member of its family.
func TestVerbs(t *testing.T) {
	verbs := listed(t)
	var dirs []string
	entries, err := os.ReadDir("../../cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "tug" && name != "family" && name != "monitor" && name != "dns" {
			dirs = append(dirs, name)
		}
	}
	slices.Sort(verbs)
	if !slices.Equal(dirs, verbs) {
		t.Errorf("the Makefile lists %v, cmd has %v", verbs, dirs)
	}
	for _, verb := range verbs {
		out, err := exec.Command(filepath.Join(theStage.bin, "tug-"+verb), "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "tug-"+verb) {
			t.Errorf("tug-%s --help: %v: %s", verb, err, out)
		}
	}
}

// listed reads CONTAINERS, IMAGES and ALONE from the Makefile.
func listed(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); name == "CONTAINERS" || name == "IMAGES" || name == "ALONE" {
			verbs = append(verbs, strings.Fields(value)...)
		}
	}
	return verbs
}

// TestInstall installs into a directory, by hard links, and uninstalls again.
func TestInstall(t *testing.T) {
	dest := t.TempDir()
	target := func(name string) {
		t.Helper()
		cmd := exec.Command("make", "-C", "../..", name, "DESTDIR="+dest, "PREFIX=/opt/tug")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v: %s", name, err, out)
		}
	}
	target("install")
	bin := filepath.Join(dest, "opt/tug/bin")
	files := map[string]os.FileInfo{}
	for _, verb := range append(listed(t), "") {
		name := strings.TrimSuffix("tug-"+verb, "-")
		info, err := os.Stat(filepath.Join(bin, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = info
		page := filepath.Join(dest, "opt/tug/share/man/man1", name+".1")
		if _, err := os.Stat(page); err != nil && verb != "inspect-remote" {
			t.Error(err)
		}
	}
	if !os.SameFile(files["tug-run"], files["tug-ps"]) || !os.SameFile(files["tug-pull"], files["tug-images"]) ||
		os.SameFile(files["tug-run"], files["tug-pull"]) {
		t.Error("families are not linked")
	}
	for _, scope := range []string{"system", "user"} {
		generator, err := os.Stat(filepath.Join(dest, "opt/tug/lib/systemd", scope+"-generators", "tug-generator"))
		if err != nil || !os.SameFile(generator, files["tug-unit"]) {
			t.Errorf("the %s generator is not tug-unit: %v", scope, err)
		}
	}
	if out, err := exec.Command(filepath.Join(bin, "tug"), "version").CombinedOutput(); err != nil {
		t.Errorf("tug version: %v: %s", err, out)
	}
	target("uninstall")
	err := filepath.WalkDir(dest, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			t.Errorf("make uninstall left %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
