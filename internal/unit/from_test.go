// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"strings"
	"testing"
)

func TestFromCommand(t *testing.T) {
	name, text, err := FromCommand([]string{
		"podman", "run", "-dit", "--rm", "--name", "web", "-p8080:80", "-e", "A=two words", "--env=B=100%", "-v", "/srv:/srv:ro", "-u", "1:2",
		"--restart", "unless-stopped", "--cap-drop=all", "--read-only", "--cpus", "2", "registry.example/web:1", "sh", "-c", "echo $HOME\nExecStart=evil",
	})
	if err != nil || name != "web" {
		t.Fatal(name, err)
	}
	want := `[Unit]
Description=registry.example/web:1

[Container]
Image=registry.example/web:1
ContainerName=web
DropCapability=all
Environment="A=two words"
Environment=B=100%%
Group=2
PublishPort=8080:80
ReadOnly=true
User=1
Volume=/srv:/srv:ro
Exec=sh -c "echo $$HOME\nExecStart=evil"

[Service]
Restart=always
CPUQuota=200%

[Install]
WantedBy=default.target
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	f := &File{Path: "/x/web.container", Name: "web.container"}
	if err := f.parse(f.Path, text); err != nil {
		t.Fatal(err)
	}
	s := &Set{Files: []*File{f}, Programs: "/usr/bin"}
	if _, err := s.Convert(f); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ line, want string }{
		{"", "empty"}, {"rm -rf x", "not a command line"}, {"podman ps", "must be run or create"}, {"podman run -d", "no image"},
		{"podman run --name", "value is missing"}, {"podman run -Z image", "-Z"}, {"podman run --memory-swap 1g image", "--memory-swap"}, {"podman run --health-max-log-count 3 image", "--health-max-log-count"},
	} {
		if _, _, err := FromCommand(strings.Fields(c.line)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v; want %q", c.line, err, c.want)
		}
	}
}
