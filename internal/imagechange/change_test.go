// SPDX-License-Identifier: Apache-2.0

package imagechange

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
)

func TestApply(t *testing.T) {
	got := v1.ImageConfig{Env: []string{"PATH=/bin", "A=old"}}
	more := map[string]json.RawMessage{"OnBuild": json.RawMessage(`["RUN a"]`)}
	err := Apply(&got, more, []string{
		`CMD ["a", "b c"]`, `ENTRYPOINT echo x`, `ENV A=1 B="two words" C=\ d`, `env D e f`, `LABEL a=b "c d"='e f'`, `EXPOSE 80 53/udp`,
		`VOLUME ["/a", "/b c"]`, `VOLUME /d /e`, `ONBUILD RUN b`, `STOPSIGNAL SIGINT`, `USER=me`, `WORKDIR /w`,
	})
	want := v1.ImageConfig{
		User: "me", WorkingDir: "/w", StopSignal: "SIGINT",
		Cmd: []string{"a", "b c"}, Entrypoint: []string{"/bin/sh", "-c", "echo x"},
		Env: []string{"PATH=/bin", "A=1", "B=two words", "C= d", "D=e f"}, Labels: map[string]string{"a": "b", "c d": "e f"},
		ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}},
		Volumes:      map[string]struct{}{"/a": {}, "/b c": {}, "/d": {}, "/e": {}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
	}
	if string(more["OnBuild"]) != `["RUN a","RUN b"]` {
		t.Errorf("OnBuild = %s", more["OnBuild"])
	}
}

func TestApplyRefuses(t *testing.T) {
	for _, text := range []string{"", "CMD", "RUN x", "ENV A", `ENV A="b`, "ENV a=b c", "LABEL =x y=z", `ENV "`, `LABEL ""`} {
		err := Apply(&v1.ImageConfig{}, map[string]json.RawMessage{}, []string{text})
		if !errors.Is(err, errclass.Usage) {
			t.Errorf("%q: %v; want a usage error", text, err)
		}
	}
}
