// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/tug-containers/tug/internal/unit"
)

// generatorCall tells whether systemd calls us, as systemd.generator(7) says: by a
// name in a directory of generators, with three directories.
func generatorCall(args []string) (dir string, user, ok bool) {
	if len(args) != 4 {
		return "", false, false
	}
	name, place := filepath.Base(args[0]), filepath.Base(filepath.Dir(args[0]))
	if !strings.HasSuffix(name, "-generator") || !filepath.IsAbs(args[1]) {
		return "", false, false
	}
	return args[1], strings.HasPrefix(place, "user-") || os.Getenv("SYSTEMD_SCOPE") == "user", true
}

// podmanGenerators are the files of podman's own generator: with it, the files in
// the directories of Quadlet are podman's.
var podmanGenerators = map[bool][]string{
	false: {"/usr/lib/systemd/system-generators/podman-system-generator", "/usr/local/lib/systemd/system-generators/podman-system-generator"},
	true:  {"/usr/lib/systemd/user-generators/podman-user-generator", "/usr/local/lib/systemd/user-generators/podman-user-generator"},
}

// ownFile is made by who wants the files to be ours although podman is there.
const ownFile = "/etc/tug/units"

// podmans tells whether the directories are podman's.
func podmans(user bool) bool {
	if os.Getenv(unit.DirsEnv) != "" || exists(ownFile) {
		return false
	}
	for _, path := range podmanGenerators[user] {
		if exists(path) {
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// generator makes the units of all files in dir. What is wrong goes to the kernel's
// log, from where the journal has it: nobody else listens so early.
func generator(dir string, user bool, stderr io.Writer) int {
	if podmans(user) {
		return 0
	}
	debug.SetGCPercent(-1) // it is over before there is much to collect
	if log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		defer log.Close()
		stderr = log
	}
	say := func(err error) {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			fmt.Fprintln(stderr, "tug-unit: "+line)
		}
	}
	o := options{user: user}
	set, err := unit.Load(unit.Dirs(user, os.Getuid(), os.Getenv), user, o.dir())
	if err != nil {
		say(err)
	}
	failed, werr := unit.Generate(set, dir)
	for _, err := range failed {
		say(err)
	}
	if werr != nil {
		say(werr)
	}
	if err != nil || werr != nil {
		return 1
	}
	return 0
}
