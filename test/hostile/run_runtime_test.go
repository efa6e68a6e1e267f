// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tug-containers/tug/test/images"
)

// TestRuntimes is a runtime that is missing, is none, crashes or lies.
func TestRuntimes(t *testing.T) {
	t.Parallel()
	p := settle(t)
	dir := t.TempDir()
	script := func(name, body string) string {
		file := filepath.Join(dir, name)
		write(t, file, "#!/bin/sh\n"+body)
		must(t, exec.Command("chmod", "755", file).Run())
		return file
	}
	plain := filepath.Join(dir, "plain")
	write(t, plain, "#!/bin/sh\n")
	foreign := filepath.Join(dir, "foreign")
	write(t, foreign, foreignELF)
	must(t, exec.Command("chmod", "755", foreign).Run())
	real, err := exec.LookPath(runtimes[0])
	must(t, err)
	for name, c := range map[string]struct{ runtime, want string }{
		"missing":                {"no-such-runtime", "no-such-runtime"},
		"missing path":           {dir + "/nothing", dir + "/nothing"},
		"not executable":         {plain, plain},
		"a directory":            {dir, dir},
		"relative":               {"./plain", "plain"},
		"up":                     {"../../bin/sh", "../../bin/sh"},
		"option":                 {"--help", "--help"},
		"odd":                    {"a\x1b[31mb", "a"},
		"for another machine":    {foreign, foreign},
		"no interpreter":         {script("lost", "")[:0] + lost(t, dir), "lost"},
		"fails":                  {script("fails", "exit 1\n"), "fails"},
		"fails and tells":        {script("tells", "echo 'the moon is full' >&2; exit 1\n"), "tells"},
		"crashes":                {script("crashes", "kill -SEGV $$\n"), "crashes"},
		"does nothing":           {script("nothing-done", "exit 0\n"), "nothing-done"},
		"fails like a container": {script("seven", "exit 7\n"), "seven"},
		"prints garbage":         {script("garbage", "seq 1 10000 >&2; exit 1\n"), "garbage"},
	} {
		p.try(t, name, func(t *testing.T) {
			for _, flags := range [][]string{{"--rm"}, {"--rm", "-t"}} {
				r := p.run(t, append(append([]string{"tug-run", "--runtime=" + c.runtime}, flags...), p.good, "true")...)
				r.refused(t, c.want)
			}
			mustRemoveState(t, p, c.runtime)
		})
	}
	// It works when it is tried, and then no more.
	for name, body := range map[string]string{
		"crash":          "kill -SEGV $$",
		"kill":           "kill -KILL $$",
		"exit":           "exit 3",
		"silent success": "exit 0",
		"after the run":  real + ` "$@"; kill -SEGV $$`,
	} {
		p.try(t, "later "+name, func(t *testing.T) {
			marker := filepath.Join(t.TempDir(), "broken")
			file := script(strings.ReplaceAll(name, " ", "-"), "if [ -e "+marker+" ]; then "+body+"; fi\nexec "+real+" \"$@\"\n")
			p.start(t, file, p.good, "true").works(t)
			write(t, marker, "")
			for _, flags := range [][]string{nil, {"-t"}} {
				r := p.start(t, file, append(flags, p.good, "true")...)
				switch {
				case name == "after the run" && r.code == 0:
				case r.code != 125 || !strings.Contains(r.stderr, file):
					t.Errorf("%s: exit code %d: %q", r, r.code, r.stderr)
				}
			}
			mustRemoveState(t, p, file)
		})
	}
}

func lost(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "lost")
	write(t, file, "#!/no/such/interpreter\n")
	must(t, exec.Command("chmod", "755", file).Run())
	return file
}

// mustRemoveState removes the directory of a runtime's containers, which stays
// for the next one, and must be empty.
func mustRemoveState(t *testing.T, p *place, runtime string) {
	t.Helper()
	dir := filepath.Join(p.home.RunRoot, "tug", "runtime", filepath.Base(runtime))
	if out, err := exec.Command("rmdir", "--", dir).CombinedOutput(); err != nil && !strings.Contains(string(out), "No such file") {
		t.Errorf("U5: %s", out)
	}
}

// TestMounts is a mount that cannot be made.
func TestMounts(t *testing.T) {
	t.Parallel()
	p := settle(t)
	file := filepath.Join(p.dir, "file")
	write(t, file, "mine\n")
	fifo := filepath.Join(p.dir, "fifo")
	must(t, exec.Command("mkfifo", fifo).Run())
	i := image(nil, images.Symlink("out", p.canary), images.Symlink("outfile", p.canary+"/file"), images.File("plain", 0o644, ""),
		images.Symlink("inproc", "/proc/self"), images.FIFO("fifo", 0o644))
	p.each(t, "volumes", i, func(t *testing.T, runtime, image string) {
		for _, volume := range []string{
			p.dir + "/nothing:/x", "relative/path:/x", "../x:/x", ":/x", p.dir + ":", p.dir + ":x", p.dir + ":../x", p.dir + ":/x:nonsense",
			p.dir + ":/x:ro:rw", p.dir + ":/x:ro,rw", p.dir + ":/", p.dir + ":/x/../..", file + ":/etc", p.dir + ":/plain",
			p.dir + ":/inproc", p.dir + ":/plain/x",
		} {
			p.start(t, runtime, "--volume="+volume, image, "true").fails(t, 125)
		}
		// What is asked for below /proc is the runtime's to judge.
		p.start(t, runtime, "-v", file+":/proc/self/exe", image, "true").refused(t, "proc/self/exe")
		if r := p.start(t, runtime, "-v", p.dir+":/proc/sys", image, "true"); r.code != 0 {
			r.refused(t, "proc/sys")
		}
		for _, mount := range []string{
			"", "type=", "type=nonsense,target=/x", "type=bind", "type=bind,source=" + p.dir, "type=bind,target=/x", "type=bind,source=" + p.dir + "/nothing,target=/x",
			"type=bind,source=" + p.dir + ",target=x", "type=tmpfs", "type=tmpfs,target=/x,tmpfs-size=-1", "type=tmpfs,target=/x,tmpfs-size=x", "type=tmpfs,target=/x,nonsense",
			"type=image,source=nothing-here,target=/x", "type=volume,source=../named,target=/x", "type=volume,source=" + p.dir + ",target=/x", "type=bind,source=" + p.dir + ",target=/x,bind-propagation=nonsense",
			"type=bind,source=" + p.dir + ",target=/x,ro=maybe", "type=devpts,target=/x",
		} {
			p.start(t, runtime, "--mount="+mount, image, "true").fails(t, 125)
		}
		for _, tmpfs := range []string{"", "x", "/x:size=-1", "/x:size=1e30", "/x:nonsense", "/", "/x:mode=99", "/x:size=1,size=2\n"} {
			p.start(t, runtime, "--tmpfs="+tmpfs, image, "true").fails(t, 125)
		}
		for _, device := range []string{"/dev/nothing", "/etc/passwd", "/dev/null:x", "/dev/null:/x:q", "", "/dev/../etc/passwd"} {
			p.start(t, runtime, "--device="+device, image, "true").fails(t, 125)
		}
		p.start(t, runtime, "--device=/dev/null:/dev/../proc/x", image, "true").refused(t, "/proc/x")
		if r := p.start(t, runtime, "--tmpfs=/proc", image, "true"); r.code != 0 {
			r.refused(t, "proc")
		}
		// A link in the image does not lead the mount out of it.
		for _, place := range []string{"/out", "/outfile", "/out/x"} {
			p.start(t, runtime, "-v", file+":"+place, image, "echo", "ran").either(t, "ran", "")
			p.start(t, runtime, "-v", p.home.Dir+":"+place, image, "echo", "ran").either(t, "ran", "")
			p.start(t, runtime, "--tmpfs", place, image, "echo", "ran").either(t, "ran", "")
		}
		// What is mounted may be odd, and is not read by us.
		p.start(t, runtime, "-v", fifo+":/etc/odd", image, "echo", "ran").works(t)
		p.start(t, runtime, "-v", fifo+":/etc/passwd", "-u", "app", image, "true").soon(t).fails(t, 125, "/etc/passwd")
	})
	p.each(t, "options", nil, func(t *testing.T, runtime, image string) {
		for _, flag := range []string{
			"--ulimit=nonsense=1", "--ulimit=nofile=x", "--ulimit=nofile=2:1", "--memory=x", "--memory=-1", "--cpus=-1", "--cpus=x",
			"--pids-limit=x", "--cpuset-cpus=x", "--shm-size=-1", "--sysctl=x", "--sysctl=kernel.core_pattern=|/x",
			"--sysctl=net.ipv4.ip_forward=1\nx", "--sysctl=kernel.shm_rmid_forced=1+x", "--cap-add=NONSENSE", "--cap-drop=NONSENSE", "--security-opt=nonsense",
			"--security-opt=seccomp=" + p.dir + "/nothing", "--security-opt=seccomp=" + file, "--umask=9", "--oom-score-adj=9999", "--stop-signal=NONSENSE",
			"--network=nonsense", "--network=ns:/nothing", "--network=ns:" + file, "--pid=nonsense", "--ipc=ns:/nothing", "--uts=nonsense", "--cgroup-parent=../../x",
			"--group-add=-1", "--group-add=nothing-here", "--env-file=/nothing", "--pull=nonsense", "--timeout=-1", "--preserve-fds=-1", "--nonsense",
			"--userns=nonsense", "--restart=always", "--restart=nonsense", "--publish=80:80", "--health-interval=x", "--sdnotify=nonsense", "--log-driver=nonsense", "--dns=nonsense",
		} {
			p.start(t, runtime, flag, image, "true").fails(t, 125)
		}
		for _, flag := range []string{"--memory=1", "--cpuset-cpus=9999"} {
			p.start(t, runtime, flag, image, "true").refused(t, runtime)
		}
	})
}
