// SPDX-License-Identifier: Apache-2.0

// Command mkimage makes the images of the tests, and of make demo:
//
//	mkimage busybox DIR[:TAG]                  an OCI layout with a busybox image
//	mkimage tar DIR[:TAG] FILE.tar... [-- CMD...]   one layer for each tar file
//	mkimage push DIR[:TAG] URL REPO[:TAG]      a layout to a registry
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: mkimage busybox DIR[:TAG] | tar DIR[:TAG] FILE... [-- CMD...] | push DIR[:TAG] URL REPO[:TAG]")
	}
	dir, tag := split(args[1])
	switch {
	case args[0] == "busybox" && len(args) == 2:
		image, err := images.Busybox()
		if err != nil {
			return err
		}
		return write(image, dir, tag)
	case args[0] == "tar" && len(args) > 2:
		image := images.Image{Config: v1.Image{Config: v1.ImageConfig{
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Cmd: []string{"/bin/sh"},
		}}}
		files := args[2:]
		if cut := slices.Index(files, "--"); cut >= 0 {
			image.Config.Config.Cmd = files[cut+1:]
			files = files[:cut]
		}
		for _, file := range files {
			layer, err := images.TarLayer(file)
			if err != nil {
				return err
			}
			defer os.Remove(layer.File)
			image.Layers = append(image.Layers, layer)
		}
		return write(&image, dir, tag)
	case args[0] == "push" && len(args) == 4:
		built, err := images.ReadLayout(dir, tag)
		if err != nil {
			return err
		}
		repo, repoTag := split(args[3])
		return built.Push(http.DefaultClient, args[2], repo, repoTag)
	}
	return fmt.Errorf("%s: wrong arguments", args[0])
}

func write(image *images.Image, dir, tag string) error {
	built, err := image.Build()
	if err != nil {
		return err
	}
	return built.WriteLayout(dir, tag)
}

func split(name string) (string, string) {
	base, tag, found := strings.Cut(name, ":")
	if !found {
		tag = "latest"
	}
	return base, tag
}
