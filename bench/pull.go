// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/tug-containers/tug/test/images"
)

// large pushes the large image to the registry of the place, once.
func (b *bench) large(ctx context.Context) (*place, *images.Built, string, error) {
	p, err := b.at(ctx)
	if err != nil {
		return nil, nil, "", err
	}
	built, err := images.Large(ctx, filepath.Join(b.top, "build", "images"))
	if err != nil {
		return nil, nil, "", err
	}
	if err := p.registry.Upload(built, "large:latest"); err != nil {
		return nil, nil, "", err
	}
	var size int64
	for _, blob := range built.Blobs {
		info, err := os.Stat(blob.Path)
		if err != nil {
			return nil, nil, "", err
		}
		size += info.Size()
	}
	fmt.Printf("%d blobs, %.0f MB compressed, from a registry on loopback, on %s\n", len(built.Blobs), float64(size)/1e6, filesystem(p.dir))
	return p, built, p.registry.Ref("large:latest"), nil
}

// script is what one does by hand: each blob in turn, by shell.
func (p *place) script(built *images.Built, each string) string {
	var b strings.Builder
	b.WriteString("set -e\nmkdir -p \"$1\"\ncd \"$1\"\n")
	for _, sum := range blobs(built) {
		fmt.Fprintf(&b, strings.ReplaceAll(each, "DIGEST", sum.Encoded())+"\n", p.registry.URL+"/v2/large/blobs/"+sum.String())
	}
	return b.String()
}

// blobs gives the layers, the config left out, in the order of the manifest.
func blobs(built *images.Built) []digest.Digest {
	var layers []digest.Digest
	for _, field := range strings.Split(string(built.Manifest), `"digest":"`)[1:] {
		sum, _, _ := strings.Cut(field, `"`)
		if sum := digest.Digest(sum); sum != digest.FromBytes(built.Config) {
			layers = append(layers, sum)
		}
	}
	return layers
}

// pull is a pull of the large image into a new store, and by hand into a
// directory. Ours is durable at its end (sync=filesystem); the others' are not.
func (b *bench) pull(ctx context.Context) error {
	p, built, name, err := b.large(ctx)
	if err != nil {
		return err
	}
	dir := p.of("fresh")
	store := []string{"--root", dir + "/root", "--runroot", dir + "/run"}
	clean := func() error { return wipe(dir) }
	hand := p.script(built, "curl -fsS %s | gunzip | tar -x --no-same-owner -f -")
	contenders := []*contender{
		{name: "curl+gunzip+tar", work: work(p.maker("sh", "-c", hand, "sh", dir))},
		{name: "podman pull", work: work(p.maker("podman", append(store, "pull", "-q", name)...))},
		{name: "tug pull", against: "podman pull", work: work(p.maker(b.bin+"/tug-pull", append(store, "-q", name)...))},
		{name: "tug pull, no sync", against: "podman pull",
			work: work(p.maker(b.bin+"/tug-pull", append(store, "--storage-opt=overlay.sync=none", "-q", name)...))},
	}
	return b.compare(contenders, clean, "curl+gunzip+tar")
}

// copy is a copy of the large image from the registry into an OCI layout.
func (b *bench) copy(ctx context.Context) error {
	p, built, name, err := b.large(ctx)
	if err != nil {
		return err
	}
	dir := p.of("copied")
	clean := func() error { return wipe(dir) }
	from, to := "docker://"+name, "oci:"+dir+":latest"
	hand := p.script(built, "curl -fsS -o DIGEST %s")
	contenders := []*contender{
		{name: "curl to files", work: work(p.maker("sh", "-c", hand, "sh", dir))},
		{name: "skopeo copy", work: work(p.maker("skopeo", "copy", "-q", "--src-tls-verify=false", from, to))},
		{name: "tug copy", against: "skopeo copy", work: work(p.maker(b.bin+"/tug-copy", "-q", from, to))},
	}
	return b.compare(contenders, clean, "curl to files")
}

func (b *bench) compare(contenders []*contender, clean func() error, hand string) error {
	for _, c := range contenders {
		c.before, c.after = clean, clean
	}
	if err := interleave(b.count(3), contenders); err != nil {
		return err
	}
	table(os.Stdout, contenders)
	for _, c := range contenders {
		if c.name != hand {
			c.against = hand
			fmt.Printf("%s: %.2fx %s\n", c.name, c.ratio(contenders), hand)
		}
	}
	return nil
}
