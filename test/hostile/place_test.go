// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
	"github.com/tug-containers/tug/test/scene"
)

// place is a store with a good image in it, a registry, and a canary.
type place struct {
	dir, tmp string
	home     *scene.Home
	registry *hostile.Server
	canary   string
	good     string // the name of the good image
	goodID   string
	before   snapshot
	mounted  []string // what the test itself mounted here
	running  []int    // what the test itself keeps running here
}

// settle opens a place.
func settle(t *testing.T) *place {
	t.Helper()
	return settleAt(t, t.TempDir())
}

func settleAt(t *testing.T, dir string) *place {
	t.Helper()
	dir, err := filepath.EvalSymlinks(dir)
	must(t, err)
	p := &place{dir: dir, tmp: filepath.Join(dir, "tmp"), canary: filepath.Join(dir, "canary")}
	must(t, os.Mkdir(p.tmp, 0o700))
	p.registry = hostile.New(t, hostile.Options{})
	p.home, err = scene.Furnish(dir, scene.Options{Bin: bin, Runtime: runtimes[0], Registry: p.registry.Host})
	must(t, err)
	t.Cleanup(func() { p.leave(t) })
	p.good = p.add(t, "good:latest", image(nil))
	p.goodID = strings.TrimSpace(p.pull(t, p.good).works(t))
	// Each program has run once: what stays for good is there.
	for _, runtime := range runtimes {
		p.run(t, "tug-run", "--runtime="+runtime, "--rm", p.good, "true").works(t)
	}
	p.pull(t, p.registry.Host+"/missing:latest")
	scratch := p.add(t, "scratch:latest", image(nil, images.File("scratch", 0o644, "")))
	p.pull(t, scratch).works(t)
	p.run(t, "tug-rmi", scratch).works(t)
	p.before = takeSnapshot(t, p.home.Root, p.home.RunRoot, p.tmp)
	return p
}

// leave takes away what containers/storage mounted on itself.
func (p *place) leave(t *testing.T) {
	points, err := scene.Mounts(p.dir)
	if err != nil {
		t.Error(err)
	}
	for _, point := range points {
		if slices.Contains(p.mounted, point) {
			continue // whoever mounted it
		}
		_ = syscall.Unmount(point, syscall.MNT_DETACH)
	}
}

// image is the base with a configuration and one more layer.
func image(config func(*v1.ImageConfig), entries ...images.Entry) *images.Image {
	i := &images.Image{Layers: []images.Layer{base}, Config: v1.Image{Config: v1.ImageConfig{
		Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Cmd: []string{"true"},
	}}}
	if len(entries) > 0 {
		i.Layers = append(i.Layers, images.Layer{Entries: entries})
	}
	if config != nil {
		config(&i.Config.Config)
	}
	return i
}

// add puts an image into the registry.
func (p *place) add(t *testing.T, name string, i *images.Image) string {
	t.Helper()
	built, err := i.Build()
	must(t, err)
	return p.registry.Add(built, name)
}

// pull tries once: what may pass is another case.
func (p *place) pull(t *testing.T, name string, flags ...string) *result {
	t.Helper()
	return p.call(t, call{args: p.pulling(name, flags...)})
}

func (p *place) pulling(name string, flags ...string) []string {
	args := append([]string{"tug-pull", "-q", "--tls-verify=false", "--retry=0"}, flags...)
	return append(args, name)
}

// have brings an image into the store.
func (p *place) have(t *testing.T, i *images.Image) string {
	t.Helper()
	name := p.add(t, "bad:latest", i)
	p.pull(t, name).works(t)
	return name
}

// start runs a container with a runtime; args are flags, an image, a command.
func (p *place) start(t *testing.T, runtime string, args ...string) *result {
	t.Helper()
	return p.run(t, starting(runtime, args...)...)
}

func starting(runtime string, args ...string) []string {
	return append([]string{"tug-run", "--runtime=" + runtime, "--rm"}, args...)
}

// try runs one case, and checks all that must hold after it.
func (p *place) try(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		c := newCanary(t, p.canary)
		defer os.RemoveAll(p.canary)
		test(t)
		p.registry.Clear()
		c.check(t)
		p.forget(t)
		p.checkLeft(t)
		p.checkGood(t)
	})
}

// each runs a case with every runtime.
func (p *place) each(t *testing.T, name string, i *images.Image, test func(t *testing.T, runtime, image string)) {
	t.Helper()
	p.try(t, name, func(t *testing.T) {
		name := p.good
		if i != nil {
			name = p.have(t, i)
		}
		for _, runtime := range runtimes {
			t.Run(runtime, func(t *testing.T) { test(t, runtime, name) })
		}
	})
}

// forget removes the images that a case brought in.
func (p *place) forget(t *testing.T) {
	t.Helper()
	list := p.run(t, "tug-images", "-a", "-q", "--no-trunc")
	var others []string
	for id := range strings.FieldsSeq(list.works(t)) {
		if id = strings.TrimPrefix(id, "sha256:"); id != p.goodID {
			others = append(others, id)
		}
	}
	if len(others) > 0 {
		if r := p.run(t, append([]string{"tug-rmi", "-f"}, others...)...); r.code != 0 {
			t.Errorf("U5: %s: %d: %s", r, r.code, r.stderr)
		}
	}
}

// checkGood is U7.
func (p *place) checkGood(t *testing.T) {
	t.Helper()
	r := p.start(t, runtimes[0], "--pull=never", p.good, "cat", "/etc/os-release")
	if r.code != 0 || !strings.Contains(r.stdout, "BusyBox") {
		t.Errorf("U7: the good image: exit code %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
}

// discard removes what a failed tug-copy left at a destination of its own.
func (p *place) discard(t *testing.T, name string) {
	t.Helper()
	must(t, os.RemoveAll(filepath.Join(p.tmp, name)))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
}
