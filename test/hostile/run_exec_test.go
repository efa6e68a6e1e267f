// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
)

// TestH01 is a container that looks at the descriptors of another process while
// that one enters its PID namespace.
func TestH01Descriptors(t *testing.T) {
	t.Parallel()
	p := settle(t)
	p.each(t, "watched", nil, func(t *testing.T, runtime, image string) {
		cid := filepath.Join(t.TempDir(), "pid")
		watch := exec.Command(filepath.Join(bin, "tug-run"), starting(runtime, "--pidfile="+cid, image, "probe", "watch", "10m")[1:]...)
		watch.Env = append(p.home.Environ(), "TMPDIR="+p.tmp)
		out, err := watch.StdoutPipe()
		must(t, err)
		must(t, watch.Start())
		seen := make(chan string)
		go func() {
			var b strings.Builder
			buf := make([]byte, 4096)
			for {
				n, err := out.Read(buf)
				b.Write(buf[:n])
				if err != nil {
					seen <- b.String()
					return
				}
			}
		}()
		pid := 0
		for deadline := time.Now().Add(time.Minute); pid == 0 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			text, _ := os.ReadFile(cid)
			pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		if pid == 0 {
			t.Error("the watching container has no PID file")
		}
		for range 10 {
			r := p.start(t, runtime, "--pid=ns:/proc/"+strconv.Itoa(pid)+"/ns/pid", image, "true")
			if r.code != 0 {
				t.Errorf("%s: %d %s", r, r.code, r.stderr)
				break
			}
		}
		must(t, watch.Process.Signal(syscall.SIGTERM))
		targets := <-seen
		_ = watch.Wait()
		if !strings.Contains(targets, "watching") {
			t.Errorf("the watching container: %q", targets)
		}
		for target := range strings.Lines(targets) {
			if target = strings.TrimSpace(target); strings.HasPrefix(target, p.dir) || strings.HasPrefix(target, "/var/tmp") || strings.Contains(target, "crun") || strings.Contains(target, "runc") {
				t.Errorf("seen from inside: %s", target)
			}
		}
	})
}

// TestH07 is a container that wants to write to the program that started it.
func TestH07Overwrite(t *testing.T) {
	t.Parallel()
	p := settle(t)
	files := []string{filepath.Join(bin, "tug-run"), filepath.Join(bin, "tug")}
	for _, runtime := range runtimes {
		file, err := exec.LookPath(runtime)
		must(t, err)
		files = append(files, file)
	}
	sums := func() string {
		var b strings.Builder
		for _, file := range files {
			content, err := os.ReadFile(file)
			must(t, err)
			info, err := os.Stat(file)
			must(t, err)
			fmt.Fprintf(&b, "%s %x %v\n", file, sha256.Sum256(content), info.ModTime())
		}
		return b.String()
	}
	before := sums()
	entrypoint := func(args ...string) *images.Image {
		return image(func(c *v1.ImageConfig) { c.Entrypoint, c.Cmd = args, nil },
			images.File("script", 0o755, "#!/proc/self/exe\n"), images.Symlink("link", "/proc/self/exe"),
			images.Symlink("proc2", "proc"))
	}
	for _, path := range []string{"/proc/self/exe", "/proc/1/exe", "/proc/thread-self/exe", "/proc/self/fd/3", "/script", "/link", "/proc2/self/exe"} {
		p.each(t, path, entrypoint(path), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, image).failsIn(t, []int{126, 127}, path)
		})
	}
	p.each(t, "writing", entrypoint("/bin/probe", "write", "/proc/self/exe", "/proc/1/exe"), func(t *testing.T, runtime, image string) {
		for _, flags := range [][]string{nil, {"--privileged"}, {"--init"}} {
			if r := p.start(t, runtime, append(flags, image)...); r.code != 0 || strings.Contains(r.stdout, "<nil>") {
				t.Errorf("%s: %d %q %s", r, r.code, r.stdout, r.stderr)
			}
		}
	})
	if after := sums(); after != before {
		t.Errorf("changed:\n%s\nwas\n%s", after, before)
	}
}

// TestH49 is a descriptor that somebody left open, and ways into it. N12 is
// what the runtime gets, N11 what we do not pass on.
func TestH49N11N12Inherited(t *testing.T) {
	t.Parallel()
	p := settle(t)
	dirs := []string{"/proc/1/cwd", "/proc/self/cwd/../..", "/proc/self/root", "/proc/self", "/proc/thread-self/fd/5"}
	for n := 3; n <= 20; n += 4 {
		dirs = append(dirs, fmt.Sprintf("/proc/self/fd/%d", n), fmt.Sprintf("/proc/self/fd/%d/../../..", n))
	}
	leaked := func(t *testing.T) []*os.File {
		var files []*os.File
		for range 28 { // 3 to 30
			dir, err := os.Open(p.dir)
			must(t, err)
			files = append(files, dir)
			t.Cleanup(func() { dir.Close() })
		}
		return files
	}
	for _, dir := range dirs {
		i := image(func(c *v1.ImageConfig) { c.WorkingDir = dir }, images.Symlink("way", "/proc/self/fd"))
		p.each(t, "image "+dir, i, func(t *testing.T, runtime, image string) {
			for _, args := range [][]string{{image, "ls", "-a"}, {"-w", dir, p.good, "ls", "-a"}} {
				r := p.call(t, call{args: starting(runtime, args...), files: leaked(t)})
				if strings.Contains(dir, "..") && r.code == 0 { // cleaned, as text: /proc
					if strings.Contains(r.stdout, "canary") || !strings.Contains(r.stdout, "cmdline") {
						t.Errorf("%s: %q", r, short(r.stdout))
					}
					continue
				}
				r.fails(t, 125, "working directory")
			}
		})
	}
	p.each(t, "by a link", image(func(c *v1.ImageConfig) { c.WorkingDir = "/way/9" }, images.Symlink("way", "/proc/self/fd")),
		func(t *testing.T, runtime, image string) {
			p.call(t, call{args: starting(runtime, image, "ls"), files: leaked(t)}).fails(t, 125, "working directory")
		})
	p.each(t, "descriptors", nil, func(t *testing.T, runtime, image string) {
		spy := p.spy(t, runtime, "")
		numbers := func(lines []string) string {
			var list []string
			for _, line := range lines {
				number, target, _ := strings.Cut(line, " ")
				if strings.HasPrefix(target, p.dir) && !strings.HasPrefix(target, p.tmp) && target != p.dir+"/tmp" && number > "2" && len(number) < 3 {
					if target == p.dir {
						list = append(list, number+" "+target)
					}
				} else {
					list = append(list, number)
				}
			}
			return strings.Join(slices.Compact(slices.Sorted(slices.Values(list))), " ")
		}
		r := p.call(t, call{args: starting(spy.path, image, "probe", "fds"), files: leaked(t)})
		if got := numbers(strings.Split(strings.TrimSpace(r.works(t)), "\n")); got != "0 1 2" {
			t.Errorf("in the container: %s: %q", got, r.stdout)
		}
		if got := numbers(spy.read(t, "fd")); got != "0 1 2" {
			t.Errorf("in the runtime: %s: %q", got, spy.read(t, "fd"))
		}
		r = p.call(t, call{args: starting(runtime, "--preserve-fds=2", image, "probe", "fds"), files: leaked(t)})
		if n := strings.Count(r.works(t), p.dir); n != 2 {
			t.Errorf("with --preserve-fds=2: %q", r.stdout)
		}
		p.start(t, runtime, "--preserve-fds=9", image, "true").fails(t, 125, "descriptor")
	})
	p.each(t, "environment", nil, func(t *testing.T, runtime, image string) {
		ours := []string{
			"LISTEN_FDS=10", "LISTEN_PID=1", "LISTEN_FDNAMES=a:b", "NOTIFY_SOCKET=/run/none", "LD_PRELOAD=/none.so", "LD_LIBRARY_PATH=/none",
			"GODEBUG=http2debug=0", "HTTP_PROXY=http://user:" + secret + "@127.0.0.1:1", "https_proxy=http://user:" + secret + "@127.0.0.1:1",
			"SECRET=" + secret, "WATCHDOG_USEC=1", "GOTRACEBACK=all", "_CONTAINERS_ROOTLESS_UID=0", "STORAGE_DRIVER=", "HOSTSECRET=" + secret,
		}
		for _, env := range [][]string{ours, {"LISTEN_FDS=10", "SECRET=" + secret}, {"LISTEN_FDS=-1", "LISTEN_PID=x"}} {
			spy := p.spy(t, runtime, "")
			r := p.call(t, call{args: starting(spy.path, image, "env"), env: env})
			for _, name := range []string{"LISTEN_", "NOTIFY_SOCKET", "LD_", "GODEBUG", "proxy", "PROXY", secret, "WATCHDOG", "GOTRACEBACK"} {
				if strings.Contains(r.works(t), name) {
					t.Errorf("in the container: %s: %q", name, r.stdout)
				}
				if inside := strings.Join(spy.read(t, "env"), "\n"); strings.Contains(inside, name) {
					t.Errorf("in the runtime: %s: %q", name, inside)
				}
			}
		}
	})
}

// TestH77 is an environment variable of an image that takes ours.
func TestH77Env(t *testing.T) {
	t.Parallel()
	p := settle(t)
	for _, env := range [][]string{
		{"*"}, {"HOSTSECRET"}, {"*", "HOSTSECRET"}, {"HOST*"}, {"A*=x"}, {""}, {"=x"}, {"A\x00=b"}, {"A=b\x00HOSTSECRET"}, {"A B"}, {"\n=x"},
	} {
		p.each(t, fmt.Sprintf("%q", env), image(func(c *v1.ImageConfig) { c.Env = append(c.Env, env...) }), func(t *testing.T, runtime, image string) {
			r := p.call(t, call{args: starting(runtime, image, "env"), env: []string{"HOSTSECRET=" + secret}})
			r.fails(t, 125, "nv")
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("%s: printed our secret", r)
			}
			text := p.run(t, "tug-inspect", image)
			if strings.Contains(text.stdout, secret) {
				t.Errorf("%s: printed our secret", text)
			}
		})
	}
	p.each(t, "by option", nil, func(t *testing.T, runtime, image string) {
		for _, env := range []string{"=x", "", "A*B=c"} {
			p.start(t, runtime, "--env="+env, image, "env").fails(t, 125, "env")
		}
		r := p.call(t, call{args: starting(runtime, "-e", "HOSTSECRET", image, "env"), env: []string{"HOSTSECRET=asked"}})
		if !strings.Contains(r.works(t), "HOSTSECRET=asked\n") {
			t.Errorf("%s: %q", r, r.stdout)
		}
		for _, file := range []string{p.canary + "/../nothing", p.dir, "/dev/zero"} {
			p.start(t, runtime, "--env-file="+file, image, "env").fails(t, 125, "env")
		}
	})
}
