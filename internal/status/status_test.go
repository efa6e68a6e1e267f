// SPDX-License-Identifier: Apache-2.0

package status

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/tug-containers/tug/libstorage"
)

func TestText(t *testing.T) {
	now := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	three := 3
	for _, tc := range []struct {
		status Status
		want   string
	}{
		{Status{State: Created}, "Created"},
		{Status{State: Running, Started: now.Add(-5 * time.Minute)}, "Up 5 minutes"},
		{Status{State: Running, Started: now.Add(-5 * time.Minute), Health: "healthy"}, "Up 5 minutes (healthy)"},
		{Status{State: Running, Started: now, Health: "healthy", Unmonitored: true}, "Up Less than a second (unmonitored)"},
		{Status{State: Paused, Started: now}, "Paused"},
		{Status{State: Exited, Code: &three, Finished: now.Add(-3 * time.Second)}, "Exited (3) 3 seconds ago"},
		{Status{State: Unknown, Finished: now.Add(-time.Hour)}, "Exited (unknown) About an hour ago"},
		{Status{State: Unknown}, "Exited (unknown)"},
		{Status{State: Stopped, Started: now}, "Exited (unknown) by a restart of the host"},
		{Status{State: Damaged}, "Damaged"},
		{Of(&libstorage.ContainerInfo{Err: libstorage.ErrNewerFormat}), "Of a newer version"},
	} {
		if got := tc.status.Text(now); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.status, got, tc.want)
		}
	}
}

func TestOf(t *testing.T) {
	code := 0
	var running, exited, elsewhere libstorage.ContainerInfo
	if err := running.Record.Started(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	exited.Record.ExitCode = &code
	elsewhere.Record.BootID = "another boot"
	gone := running
	gone.Record.StartTime++
	unmonitored := running
	unmonitored.Monitor, unmonitored.Dir = 1, t.TempDir()
	for _, tc := range []struct {
		info  libstorage.ContainerInfo
		state string
		is    []string
	}{
		{libstorage.ContainerInfo{}, Created, []string{"created", "configured"}},
		{running, Running, []string{"running"}},
		{unmonitored, Running, []string{"running"}},
		{exited, Exited, []string{"exited", "stopped"}},
		{elsewhere, Stopped, []string{"exited", "stopped"}},
		{gone, Unknown, []string{"exited", "stopped", "unknown"}},
		{libstorage.ContainerInfo{Err: errors.New("broken")}, Damaged, []string{"damaged"}},
	} {
		got := Of(&tc.info)
		if got.State != tc.state || got.Unmonitored != (tc.info.Monitor != 0) || (got.Code != nil) != (tc.state == Exited) {
			t.Errorf("%+v, want %s", got, tc.state)
		}
		for _, word := range tc.is {
			if !got.Is(word) || !Word(word) {
				t.Errorf("%s is not %s", tc.state, word)
			}
		}
		if got.Is("paused") {
			t.Errorf("%s is paused", tc.state)
		}
	}
}
