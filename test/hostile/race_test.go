// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/command/cp"
	"github.com/tug-containers/tug/internal/command/volume"
	"golang.org/x/sys/unix"
)

// swap exchanges two names again and again, until stop has been called.
func swap(a, b string) (stop func()) {
	done := make(chan struct{})
	var swapping sync.WaitGroup
	swapping.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				_ = unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
			}
		}
	})
	return func() {
		close(done)
		swapping.Wait()
	}
}

// within runs a command in this process: a race wants a thousand of it.
func (p *place) within(t *testing.T, cmd *cobra.Command, stdin string, args ...string) (code int, stdout string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	code = cli.Run(t.Context(), cmd, append([]string{"--root=" + p.home.Root, "--runroot=" + p.home.RunRoot, "--storage-driver=overlay"}, args...), &out, &errs)
	if code != 0 && !strings.HasPrefix(errs.String(), "Error: ") {
		t.Errorf("%s: exit code %d, %q", args, code, errs.String())
	}
	return code, out.String()
}

// race runs something to the inside and something to the outside, so many times. Each
// may be refused, but not always.
func (p *place) race(t *testing.T, copies int, in, out func() (code int, stdout string)) {
	t.Helper()
	ins, outs := 0, 0
	for range copies {
		if code, _ := in(); code == 0 {
			ins++
		}
		code, stdout := out()
		if code == 0 {
			outs++
		}
		if strings.Contains(stdout, secret) {
			t.Fatal("the host's file came out")
		}
	}
	if t.Logf("of %d, %d went in and %d out", copies, ins, outs); ins == 0 || outs == 0 {
		t.Error("none did")
	}
}

// TestH06Copy is a container that exchanges a directory with a link to the host
// while files are copied into it and out of it.
func TestH06Copy(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	p.each(t, "swap", nil, func(t *testing.T, runtime, image string) {
		d := p.detach(t, "--runtime="+runtime, image, "sh", "-c",
			"mkdir -p /r/a/sub; echo mine >/r/a/file; echo mine >/r/a/passwd; echo mine >/r/a/sub/file; ln -s "+c+" /r/b; exec probe swap /r/a /r/b")
		defer d.remove(t)
		eventually(t, "the directory", func() bool { return p.run(t, "tug-exec", d.id, "test", "-L", "/r/b", "-o", "-L", "/r/a").code == 0 })
		file := filepath.Join(p.dir, "in-"+runtime)
		write(t, file, "mine\n")
		stream := archive(t, &tar.Header{Name: "new", Typeflag: tar.TypeReg}, &tar.Header{Name: "sub/new", Typeflag: tar.TypeReg}, &tar.Header{Name: "hosts", Typeflag: tar.TypeReg})
		n := 0
		p.race(t, 1000/len(runtimes), func() (int, string) {
			if n++; n%2 == 0 {
				return p.within(t, cp.New(), stream, "-", d.id+":/r/a")
			}
			return p.within(t, cp.New(), "", file, d.id+":/r/a/"+[]string{"passwd", "sub/file", "other"}[n%3])
		}, func() (int, string) {
			return p.within(t, cp.New(), "", d.id+":/r/a"+[]string{"", "/", "/passwd", "/sub", "/sub/file"}[n%5], "-")
		})
	})
}

// TestH43Volume does the same to a volume that is written to an archive, and filled
// from one.
func TestH43Volume(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.try(t, "swap", func(t *testing.T) {
		p.run(t, "tug-volume", "create", "shared").works(t)
		defer p.dropVolume(t, "shared")
		dir := p.volumeDir("shared")
		must(t, os.MkdirAll(dir+"/a/sub", 0o755))
		write(t, dir+"/a/file", "the volume's\n")
		must(t, os.Symlink(p.canary, dir+"/b"))
		in := archive(t, &tar.Header{Name: "a/new", Typeflag: tar.TypeReg}, &tar.Header{Name: "a/sub/new", Typeflag: tar.TypeReg}, &tar.Header{Name: "a/file", Typeflag: tar.TypeReg})
		defer swap(dir+"/a", dir+"/b")()
		p.race(t, 1000, func() (int, string) {
			return p.within(t, volume.New(), in, "import", "shared")
		}, func() (int, string) {
			return p.within(t, volume.New(), "", "export", "shared")
		})
	})
}
