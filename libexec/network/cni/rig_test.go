// SPDX-License-Identifier: Apache-2.0

package cni_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
	"github.com/tug-containers/tug/libexec/network/cni/plugin"
	"golang.org/x/sys/unix"
)

const (
	// inside says that the tests have network and mounts of their own.
	inside = "TUG_TEST_NETNS"
	// asProgram has the test binary do the program's work.
	asProgram = "tug-test-cni"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		if err := plugin.Main(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	if os.Getuid() != 0 || os.Getenv(inside) != "" {
		os.Exit(m.Run())
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if err := cmd.Run(); cmd.ProcessState == nil {
		panic(err)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}

// rig is a set of networks, of which some are defined by configurations of CNI.
type rig struct {
	*network.Set
	driver       cni.Driver
	conf, plugin string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	r := &rig{conf: filepath.Join(dir, "net.d"), plugin: filepath.Join(dir, "bin")}
	for _, d := range []string{r.conf, r.plugin} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r.driver = cni.Driver{
		ConfigDirs: []string{filepath.Join(dir, "missing"), r.conf}, PluginDirs: []string{r.plugin, "/usr/lib/cni"},
		RunDir: filepath.Join(dir, "run"), Program: []string{self, asProgram},
	}
	r.open()
	t.Cleanup(func() {
		ids, _ := os.ReadDir(filepath.Join(r.driver.RunDir, "netns"))
		for _, id := range ids {
			// A test that breaks a plugin says itself what is left.
			_ = unix.Unmount(filepath.Join(r.driver.RunDir, "netns", id.Name()), unix.MNT_DETACH)
		}
	})
	return r
}

func (r *rig) open() {
	r.Set = network.Open(network.Options{
		Dir: filepath.Join(filepath.Dir(r.conf), "networks"), RunDir: r.driver.RunDir, Drivers: []network.Driver{r.driver},
	})
}

// configure writes a configuration.
func (r *rig) configure(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.conf, file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fake writes a plugin in shell. It notes each command in a file.
func (r *rig) fake(t *testing.T, name, script string) {
	t.Helper()
	head := fmt.Sprintf("#!/bin/sh\nlog=%s/%s.log\necho \"$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME ${CNI_NETNS:+netns}\" >>$log\nconf=$(cat)\n", r.plugin, name)
	if err := os.WriteFile(filepath.Join(r.plugin, name), []byte(head+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// calls are the commands that a fake plugin was called with.
func (r *rig) calls(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.plugin, name+".log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var words []string
	for line := range strings.Lines(string(data)) {
		words = append(words, strings.Fields(line)[0])
	}
	return strings.Join(words, " ")
}

func idOf(name string) string { return strings.Repeat(fmt.Sprintf("%x", name), 64)[:64] }

func (r *rig) setup(t *testing.T, c network.Container, a network.Attachment) (network.Joined, error) {
	t.Helper()
	if c.ID == "" {
		c.ID = idOf(c.Name)
	}
	list, err := r.Setup(t.Context(), c, []network.Attachment{a})
	if err != nil {
		return network.Joined{}, err
	}
	return list[0], nil
}

func (r *rig) mustSetup(t *testing.T, c network.Container, a network.Attachment) network.Joined {
	t.Helper()
	j, err := r.setup(t, c, a)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func (r *rig) teardown(t *testing.T, name string) {
	t.Helper()
	if err := r.Teardown(context.WithoutCancel(t.Context()), idOf(name)); err != nil {
		t.Error(err)
	}
}

// nothingLeft looks for what a container leaves.
func (r *rig) nothingLeft(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"netns/*", "networks/*/*.json", "cni/results/*", "cni/*.lock"} {
		if left, _ := filepath.Glob(filepath.Join(r.driver.RunDir, pattern)); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// in runs a program in the namespace of a container.
func in(t *testing.T, j network.Joined, args ...string) string {
	t.Helper()
	out, err := exec.Command("nsenter", append([]string{"--net=" + j.Netns, "--"}, args...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %v: %s", args, err, out)
	}
	return string(out)
}

// answer is a result in JSON.
func answer(version, ifname string, addresses ...string) string {
	var ips []map[string]any
	for _, a := range addresses {
		p := netip.MustParsePrefix(a)
		ips = append(ips, map[string]any{"address": a, "gateway": p.Masked().Addr().Next().String(), "interface": 0})
	}
	data, err := json.Marshal(map[string]any{
		"cniVersion": version, "ips": ips,
		"interfaces": []map[string]any{{"name": ifname, "mac": "02:00:00:00:00:09", "sandbox": "/x"}},
		"dns":        map[string]any{"nameservers": []string{"192.0.2.53", "bad"}, "search": []string{"example"}},
	})
	if err != nil {
		panic(err)
	}
	return string(data)
}
