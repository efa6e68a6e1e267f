// SPDX-License-Identifier: Apache-2.0

package proc

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStat(t *testing.T) {
	tail := strings.Repeat(" 1", 18) + " 4711 2 3"
	for stat, want := range map[string]uint64{
		"1 (init) S" + tail:               4711,
		"1 (a) Z 0 (b) S" + tail:          4711, // a name that looks like more
		"1 (\n) R ) R" + tail:             4711,
		"1 (init) Z" + tail:               4711,
		"1 (init) X" + tail:               4711,
		"":                                0,
		"1 (init":                         0,
		"1 (init) S 1 2":                  0,
		"1 (init) S" + tail[:36] + " x 1": 0,
	} {
		got := ParseStat([]byte(stat))
		if ended := strings.HasPrefix(stat, "1 (init) Z") || strings.HasPrefix(stat, "1 (init) X"); got.StartTime() != want || got.Ended() != ended {
			t.Errorf("%q: %d, ended %v; want %d", stat, got.StartTime(), got.Ended(), want)
		}
	}
	own, err := ReadStat(os.Getpid())
	if err != nil || own.StartTime() == 0 || own.StartTime() != StartTime(os.Getpid()) || int(own.Number(Parent)) != os.Getppid() {
		t.Errorf("our own: %v, %v", own, err)
	}
	if _, err := ReadStat(math.MaxInt32); !errors.Is(err, os.ErrNotExist) || StartTime(math.MaxInt32) != 0 {
		t.Errorf("nobody: %v", err)
	}
	if id := BootID(); len(id) != 36 {
		t.Errorf("boot %q", id)
	}
}

func TestPidFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	for text, want := range map[string]int{"": 0, "123": 123, "123\n": 123, "1": 0, "0": 0, "-5": 0, "x": 0, "12 13": 0, strings.Repeat("1", 40): 0} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := PidFile(path); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	if PidFile(path+"x") != 0 {
		t.Error("no file")
	}
}
