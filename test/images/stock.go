// SPDX-License-Identifier: Apache-2.0

package images

import (
	"runtime"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Stock is the set of small images that the stories use, by NAME:TAG, each
// around the same busybox layer:
//
//	busybox:latest   plain
//	busybox:docker   in Docker's format, with a health check
//	busybox:zstd     with a zstd layer
//	busybox:multi    an index of this platform and another, where etc/arch differs
//	busybox:foreign  for another platform only
//	app:latest       with user, entrypoint, working directory, volume, labels,
//	                 stop signal, and three more layers
func Stock() (map[string]*Built, error) {
	entries, err := BusyboxEntries()
	if err != nil {
		return nil, err
	}
	base := Layer{Entries: entries, Comment: "busybox"}
	small := Layer{Entries: entries, Compression: Zstd, Comment: "busybox"}
	plain, err := Busybox()
	if err != nil {
		return nil, err
	}
	docker, checked := *plain, *plain
	for image, health := range map[*Image]map[string]any{
		&docker:  {"Test": []string{"CMD-SHELL", "true"}, "Interval": 30_000_000_000, "Retries": 3},
		&checked: {"Test": []string{"CMD-SHELL", "test ! -e /tmp/ill"}, "Interval": 100_000_000, "Retries": 2},
	} {
		image.Docker = true
		image.EditConfig = func(config map[string]any) { config["config"].(map[string]any)["Healthcheck"] = health }
	}
	zstd := *plain
	zstd.Layers = []Layer{small}
	here, there := platformed(plain, runtime.GOARCH), platformed(plain, OtherArch())
	out := map[string]*Built{}
	for name, image := range map[string]*Image{
		"busybox:latest": plain, "busybox:docker": &docker, "busybox:checked": &checked, "busybox:zstd": &zstd,
		"busybox:foreign": there, "busybox:here": here, "app:latest": app(base),
	} {
		if out[name], err = image.Build(); err != nil {
			return nil, err
		}
	}
	out["busybox:multi"], err = Index(out["busybox:here"], out["busybox:foreign"])
	delete(out, "busybox:here")
	return out, err
}

// OtherArch is the architecture of the image that is not for this host.
func OtherArch() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func platformed(plain *Image, arch string) *Image {
	image := *plain
	image.Config.Architecture = arch
	image.Layers = append(image.Layers[:1:1], Layer{Entries: []Entry{File("etc/arch", 0o644, arch+"\n")}})
	return &image
}

func app(base Layer) *Image {
	return &Image{
		Layers: []Layer{
			base,
			{Comment: "the program", Entries: []Entry{
				Dir("srv", 0o755), Dir("srv/app", 0o755).Owned(1000, 1000),
				File("srv/app/start", 0o755, "#!/bin/sh\necho \"start: $*\"\nexec \"$@\"\n"),
				File("srv/app/old", 0o644, "old\n"),
			}},
			{Comment: "without the old file", Entries: []Entry{
				Dir("srv/app", 0o755).Owned(1000, 1000), File("srv/app/.wh.old", 0, ""),
				Dir("data", 0o755).Owned(1000, 1000), File("data/seed", 0o644, "seed\n").Owned(1000, 1000),
			}},
			{Comment: "a link", Entries: []Entry{Symlink("srv/current", "app")}},
		},
		Config: v1.Image{Author: "tug tests", Config: v1.ImageConfig{
			User:       "app",
			Env:        []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "MODE=test", "GREETING=hello world"},
			Entrypoint: []string{"/srv/app/start"},
			Cmd:        []string{"id", "-un"},
			WorkingDir: "/srv/app",
			Volumes:    map[string]struct{}{"/data": {}},
			StopSignal: "SIGINT",
			Labels:     map[string]string{"org.opencontainers.image.title": "app", "team": "tests"},
		}},
	}
}
