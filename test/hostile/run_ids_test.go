// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/scene"
	"golang.org/x/sys/unix"
)

// TestH19H33H61Groups are values of options about ids and cgroups that lead to a file
// or a program elsewhere, or carry a second setting.
func TestH19H33H61Groups(t *testing.T) {
	t.Parallel()
	p := settle(t)
	c := p.canary
	p.try(t, "options", func(t *testing.T) {
		for _, option := range []string{
			"--cgroup-manager=../x", "--cgroup-manager=/bin/sh", "--cgroup-manager=systemd\n", "--cgroups=../split",
			"--cgroup-parent=../../" + c, "--cgroup-parent=a/../../b", "--cgroup-parent=a\nb", "--cgroup-parent=a:b:c",
			"--cgroup-conf=../memory.high=1", "--cgroup-conf=memory.high=1\n2", "--cgroup-conf=memory/high=1", "--cgroup-conf=cgroup.procs=1",
			"--cgroup-conf=cgroup.subtree_control=+memory", "--cgroup-conf==1", "--cgroup-conf=x", "--cgroup-conf=" + c + "=1",
			"--device-read-bps=" + c + "/file:1", "--device-read-bps=" + c + "/fifo:1", "--device-write-iops=../x:1", "--blkio-weight-device=/dev/zero:100",
			"--userns=../x", "--userns=ns:../x", "--userns=ns:" + c + "/file", "--userns=ns:" + c + "/fifo", "--userns=ns:/proc/self/ns/mnt",
			"--userns=container:../x", "--userns=container:", "--userns=auto:size=-1", "--userns=auto:size=1\n", "--userns=auto:uidmapping=0:0:0",
			"--userns=auto:size=4294967296", "--userns=auto:x=y", "--userns=auto:size", "--userns=keep-id:uid=4294967295",
			"--uidmap=0:0:4294967296", "--uidmap=0:4294967295:2", "--uidmap=4294967295:0:2", "--uidmap=0:0:0", "--uidmap=-1:0:1",
			"--uidmap=0:1:1\n1:0:1", "--uidmap=0x0:0:1", "--uidmap=0:0:1:1", "--uidmap=@0:0:1",
			"--subuidname=../x", "--subuidname=root:0:1", "--subuidname=\n", "--subgidname=#",
			"--pid=container:../x", "--pid=container:\n", "--ipc=ns:" + c + "/fifo", "--uts=container:", "--cgroupns=ns:" + c + "/file", "--cgroupns=../x",
		} {
			for _, runtime := range runtimes {
				p.start(t, runtime, option, p.good, "true").soon(t).fails(t, 125)
			}
		}
	})
}

// TestN19IDs is an image whose numbers are too many for --userns auto, and the place
// where stores meet in a bad state.
func TestN19IDs(t *testing.T) {
	t.Parallel()
	must(t, scene.SubIDs())
	p := settle(t)
	passable(t, p)
	c := p.canary
	for name, entry := range map[string]images.Entry{
		"a large number": images.File("etc/passwd", 0o644, "x:x:4294967294:0::/:/bin/sh\n"),
		"a large group":  images.File("etc/group", 0o644, "x:x:70000:\n"),
	} {
		p.each(t, name, image(nil, entry), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, "--userns=auto", image, "true").soon(t).fails(t, 125, "userns")
			p.start(t, runtime, "--userns=auto:size=1024", image, "true").soon(t).works(t)
		})
	}
	for name, entry := range map[string]images.Entry{
		"FIFO": images.FIFO("etc/passwd", 0o644), "to the host": images.Symlink("etc/passwd", c+"/passwd"),
		"to the host's FIFO": images.Symlink("etc/group", c+"/fifo"), "up": images.Symlink("etc/group", strings.Repeat("../", 40)+c+"/passwd"),
		"no numbers": images.File("etc/passwd", 0o644, "::::\nx:x:y:z\n\x00:\xff:-1:1e9\n"),
	} {
		p.each(t, name, image(nil, entry), func(t *testing.T, runtime, image string) {
			p.start(t, runtime, "--userns=auto", image, "/bin/cat", "/proc/self/uid_map").soon(t)
		})
	}
	p.try(t, "meeting place", func(t *testing.T) {
		for _, script := range map[string]string{
			"others may write":  "chmod 777 /run/tug",
			"of another user":   "chown 12345 /run/tug",
			"a lock that leads": "ln -s " + c + "/file /run/tug/ids.lock",
			"a directory":       "mkdir /run/tug/ids.lock",
			"a store that is":   "true; ln -s " + c + " /run/tug/store-0; ln -s relative /run/tug/store-1; mkfifo /run/tug/store-2",
		} {
			// In mounts of its own, so that nobody else meets it.
			line := "mkdir -p /run/tug && mount -t tmpfs -o mode=700 x /run/tug && " + script +
				` && exec "$0" "$@"`
			args := []string{"/usr/bin/unshare", "-m", "sh", "-c", line, filepath.Join(bin, "tug-run"), "--runtime=" + runtimes[0],
				"--rm", "--userns=auto", p.good, "true"}
			r := p.call(t, call{args: args})
			if strings.HasPrefix(script, "true") {
				r.works(t)
			} else {
				r.fails(t, 125, "userns")
			}
		}
	})
}

// passable lets who is root in a user namespace find the run root.
func passable(t *testing.T, p *place) {
	t.Helper()
	for dir := filepath.Dir(p.home.RunRoot); strings.HasPrefix(dir, "/var/tmp/"); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o711))
	}
}

// TestH69IDs: whoever is root in a user namespace of his own is nobody on the host.
func TestH69IDs(t *testing.T) {
	t.Parallel()
	p := settle(t)
	passable(t, p)
	dir := filepath.Join(p.dir, "shared")
	must(t, os.Mkdir(dir, 0o700))
	write(t, filepath.Join(dir, "secret"), "secret")
	p.try(t, "bind", func(t *testing.T) {
		defer os.RemoveAll(dir)
		for _, runtime := range runtimes {
			for _, flags := range [][]string{nil, {"--privileged"}, {"--cap-add=ALL"}} {
				args := append(append([]string{"--uidmap=0:300000:65536", "-v", dir + ":/shared"}, flags...), p.good, "sh", "-c")
				for _, script := range []string{
					"cat /shared/secret", "touch /shared/new", "mknod /disk b 259 0 && cat /disk", "echo x > /proc/sysrq-trigger",
					"mount -t ext4 /dev/vda /mnt", "echo /x > /proc/sys/kernel/core_pattern",
				} {
					if r := p.start(t, runtime, append(args, script)...).soon(t); r.code == 0 {
						t.Errorf("%s: works", r)
					}
				}
			}
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "new"), &st); err == nil {
			t.Errorf("made on the host by %d:%d", st.Uid, st.Gid)
		}
	})
}
