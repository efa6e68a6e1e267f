// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// rootless is `run` as an ordinary user, made for it, against the runtime alone in a
// user namespace with the same maps, which newuidmap writes as well.
func (b *bench) rootless(ctx context.Context) error {
	p, err := b.at(ctx)
	if err != nil {
		return err
	}
	u, err := newUser(p.dir)
	if err != nil {
		return err
	}
	err = b.asUser(p, u)
	return errors.Join(err, u.remove())
}

// account is a user of the host, for as long as we measure.
type account struct {
	name, home string
	uid, gid   uint32
}

func newUser(dir string) (*account, error) {
	a := &account{name: fmt.Sprintf("tugbench%d", os.Getpid()), home: filepath.Join(dir, "user")}
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, err
	}
	if _, err := finish(exec.Command("useradd", "--create-home", "--home-dir", a.home, a.name)); err != nil {
		return nil, err
	}
	found, err := user.Lookup(a.name)
	if err != nil {
		return nil, errors.Join(err, a.remove())
	}
	uid, uerr := strconv.ParseUint(found.Uid, 10, 32)
	gid, gerr := strconv.ParseUint(found.Gid, 10, 32)
	a.uid, a.gid = uint32(uid), uint32(gid)
	return a, errors.Join(uerr, gerr)
}

func (a *account) remove() error {
	// Podman's process that keeps its namespace is there to stay.
	_ = exec.Command("pkill", "-KILL", "-U", a.name).Run() // none is an error
	_, err := finish(exec.Command("userdel", "--force", a.name))
	return errors.Join(err, os.RemoveAll(fmt.Sprintf("/tmp/tug-run-%d", a.uid)))
}

// command is one of the user's, in an environment as cron has it.
func (a *account) command(b *bench, name string, args ...string) *exec.Cmd {
	if verb, ours := strings.CutPrefix(name, "tug-"); ours {
		name = filepath.Join(b.bin, "tug-"+verb)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = a.home
	cmd.Env = []string{"HOME=" + a.home, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: a.uid, Gid: a.gid}}
	return cmd
}

func (b *bench) asUser(p *place, a *account) error {
	bundle, err := b.userBundle(p, a)
	if err != nil {
		return err
	}
	n := 0
	args := []string{"run", "--rm", "--network=none", image, "true"}
	contenders := []*contender{{name: "crun"}, {name: "tug on crun", against: "crun", goal: 2.5}, {name: "podman", against: "tug on crun"}}
	contenders[0].work = work(func() *exec.Cmd {
		n++
		return a.command(b, "unshare", "--user", "--mount", "--map-root-user", "--map-auto",
			"crun", "--root", filepath.Join(a.home, "state"), "run", "--bundle", bundle, strconv.Itoa(n))
	})
	contenders[1].work = work(func() *exec.Cmd { return a.command(b, "tug-run", append([]string{"--runtime=crun"}, args[1:]...)...) })
	contenders[2].work = work(func() *exec.Cmd {
		podman := append([]string{"--storage-driver=overlay"}, args[:3]...)
		podman = append(podman, "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024")
		return a.command(b, "podman", append(podman, args[3:]...)...)
	})
	fmt.Println("run --rm IMAGE true, as a user: the bare runtime has the same maps and the same spec.")
	if err := interleave(b.count(20), contenders); err != nil {
		return err
	}
	over := table(os.Stdout, contenders)
	if ratio := contenders[2].ratio(contenders); ratio < 5 {
		over = append(over, fmt.Sprintf("podman takes only %.2fx of tug, goal 5x", ratio))
	}
	return missed(over)
}

// userBundle makes a bundle of what tug-run asks of the runtime.
func (b *bench) userBundle(p *place, a *account) (string, error) {
	bundle := filepath.Join(a.home, "bundle")
	script := `set -e
tug-copy -q oci:$1:latest containers-storage:$2
id=$(tug-run --network=none -d $2 sleep 1000)
mkdir -p $3/rootfs
cp -a $(dirname $(find /tmp/tug-run-$(id -u) -path "*/$id/config.json"))/. $3 2>/dev/null || true
tug-export $id | tar -C $3/rootfs -xf -
tug-rm -f -t 0 $id >/dev/null`
	setup := a.command(b, "sh", "-c", script, "sh", p.of("busybox"), image, bundle)
	setup.Env[1] = "PATH=" + b.bin + ":" + os.Getenv("PATH")
	if _, err := finish(setup); err != nil {
		return "", err
	}
	path := filepath.Join(bundle, "config.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var spec struct {
		Root struct{ Path string }
	}
	if err := json.Unmarshal(raw, &spec); err != nil {
		return "", err
	}
	raw = []byte(strings.ReplaceAll(string(raw), spec.Root.Path, bundle+"/rootfs"))
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		return "", err
	}
	return bundle, rewrite(path, filepath.Dir(spec.Root.Path), bundle, false, []string{"true"})
}
