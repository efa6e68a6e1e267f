// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/idmap"
)

func TestDecodeRecord(t *testing.T) {
	code := 137
	at := time.Date(2024, 1, 2, 3, 4, 5, 600, time.UTC)
	full := Record{
		Format: 1, ID: testID, Name: "one", ImageID: testID, ImageName: "localhost/busybox:latest", Rootfs: "/srv", Driver: "overlay",
		Layers: []string{"overlay/l/A", "overlay/l/B"}, ImageMounts: []string{testID},
		IDs: &idmap.Mapping{UIDs: []idmap.Range{{Container: 1, Host: 2, Size: 3}}, GIDs: []idmap.Range{{Container: 4, Host: 5, Size: 6}}}, Volumes: []string{"v"}, RunDir: "/run/tug/" + testID,
		Created: at, Command: []string{"sh", "-c", "a && b \"c\"\n", "ü", ""}, Labels: map[string]string{"a": "b", "c": "<d>"},
		Annotations: map[string]string{"x": "y"}, Ephemeral: true, AutoRemove: true, Starts: 3, Runtime: "/usr/bin/crun",
		SpecDigest: "sha256:0", Pid: 12, StartTime: 99, BootID: "b", StartedAt: at.Add(time.Second), ExitCode: &code,
		Finished: at.Add(time.Minute), OOMKilled: true, Error: "no", Config: json.RawMessage(`{"a":{"b":["}",1,null]},"c":"\""}`),
	}
	for name := range reflect.TypeFor[Record]().NumField() {
		if f := reflect.TypeFor[Record]().Field(name); f.IsExported() && reflect.ValueOf(full).Field(name).IsZero() {
			t.Errorf("the record of this test has no %s", f.Name)
		}
	}
	data, err := json.Marshal(&full)
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	if !decodeRecord(data, &r) {
		t.Errorf("not decoded: %s", data)
	}
	if !reflect.DeepEqual(r, full) {
		t.Errorf("%+v\nis not\n%+v", r, full)
	}
	for _, other := range []string{
		"", "{", "{}}", " {}", `{"format":01}`, `{"format":-1}`, `{"format":99999999999999999999}`, `{"future":1}`, `{"ephemeral":false}`,
		`{"exitCode":null}`, `{"id":"\x"}`, `{"id":"a` + "\n" + `"}`, `{"config":[]}`, `{"config":{"a"}}`, `{"config":{`, `{"created":"x"}`,
		`{"layers":["a",]}`, `{"layers":[`, `{"labels":{"a":1}}`, `{"id":"a",}`, `{"id" :"a"}`, `{"Format":1}`, `{"ephemeral":truetrue}`,
	} {
		if decodeRecord([]byte(other), &Record{}) {
			t.Errorf("decoded: %s", other)
		}
	}
}

// FuzzDecodeRecord: what is decoded is what encoding/json makes of it.
func FuzzDecodeRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"` + testID + `","layers":["a"],"created":"2024-01-02T03:04:05Z","labels":{"a":"b"},"exitCode":0,"config":{"a":[1]}}`))
	f.Add([]byte(`{"command":["a\u0026b","ü"],"labels":{"a":"b"},"labels":{"c":"d"},"ephemeral":true}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want Record
		if !decodeRecord(data, &got) {
			return
		}
		if err := json.Unmarshal(data, (*recordFields)(&want)); err != nil {
			t.Fatalf("decoded: %s: %v", data, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\n%+v", data, got, want)
		}
	})
}
