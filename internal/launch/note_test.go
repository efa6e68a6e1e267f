// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"os"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/events"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestNote(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	info := libstorage.ContainerInfo{Record: libstorage.Record{ID: "i", Name: "n", ImageName: "m", Labels: map[string]string{"l": "v"}}}
	code := 7
	Note(store, &info, "kill", "stop")
	NoteEnd(store, &info, &code)
	data, err := os.ReadFile(events.Path(store.Root()))
	if err != nil {
		t.Fatal(err)
	}
	const object = `"id":"i","name":"n","image":"m"`
	for _, want := range []string{
		`"action":"kill",` + object + `,"attributes":{"l":"v"}`, `"action":"stop",` + object,
		`"action":"died",` + object + `,"exitCode":7`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in\n%s", want, data)
		}
	}
}
