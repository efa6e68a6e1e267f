// SPDX-License-Identifier: Apache-2.0

package events

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if got := Died(path, "a", time.Time{}); got != nil {
		t.Errorf("no file: %d", *got)
	}
	began := time.Now()
	three, four := 3, 4
	for _, e := range []Event{
		{Type: Container, Action: "died", ID: "a", ExitCode: &three},
		{Type: Container, Action: "died", ID: "a", ExitCode: &four},
		{Type: Container, Action: "remove", ID: "a"},
		{Type: Container, Action: "died", ID: "b"},
		{Type: Image, Action: "died", ID: "c", ExitCode: &three},
	} {
		if err := Append(path, e); err != nil {
			t.Fatal(err)
		}
	}
	if got := Died(path, "a", began); got == nil || *got != 4 {
		t.Errorf("a: %v", got)
	}
	for _, id := range []string{"b", "c", "d"} {
		if got := Died(path, id, began); got != nil {
			t.Errorf("%s: %d", id, *got)
		}
	}
	if got := Died(path, "a", time.Now().Add(time.Hour)); got != nil {
		t.Errorf("in an hour: %d", *got)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if got := Died(path, "a", began); got == nil || *got != 4 {
		t.Errorf("after the file was renamed: %v", got)
	}
}
