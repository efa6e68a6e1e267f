// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/network"
)

// parse reads a command line as tug-run does.
func parse(t *testing.T, args ...string) (launch.Options, error) {
	t.Helper()
	cmd := &cobra.Command{Use: "run"}
	f := &flags{}
	f.register(cmd)
	f.environ = func() []string {
		return []string{"HOME=/h", "SECRET=s", "LC_ALL=C", "LC_TIME=d", "LISTEN_FDS=3", "BAD*=x"}
	}
	if err := cmd.ParseFlags(args); err != nil {
		return launch.Options{}, err
	}
	return f.options(cmd.Flags().Args())
}

func mustParse(t *testing.T, args ...string) launch.Options {
	t.Helper()
	o, err := parse(t, args...)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return o
}

func TestOptionsDefaults(t *testing.T) {
	o := mustParse(t, "busybox", "ls", "-l", "--rm")
	if o.Image != "busybox" || !reflect.DeepEqual(o.Exec.Command, []string{"ls", "-l", "--rm"}) || o.Remove {
		t.Errorf("image %q, command %q, remove %v", o.Image, o.Exec.Command, o.Remove)
	}
	if o.Stdio.In != nil || o.Stdio.Out != os.Stdout || o.Pull != "missing" || o.StopTimeout != 10*time.Second {
		t.Errorf("stdio %v, pull %q, stop time-out %s", o.Stdio, o.Pull, o.StopTimeout)
	}
	if o.Exec.Entrypoint != nil || !reflect.DeepEqual(o.Exec.Resources, libexec.Resources{}) || o.Exec.OOMScoreAdj != nil || *o.Exec.Umask != 0o022 {
		t.Errorf("entrypoint %v, resources %v", o.Exec.Entrypoint, o.Exec.Resources)
	}
}

func TestOptionsAll(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "env")
	if err := os.WriteFile(file, []byte("\xef\xbb\xbfA=file\n# no\n\n  B = no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := parse(t, "--env-file", file, "x"); err == nil {
		t.Error("a name with a space is accepted")
	}
	if err := os.WriteFile(file, []byte("\xef\xbb\xbfA=file\r\n# no\n\nQ=\"q\"\nSECRET\nNONE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := mustParse(t, "--rm", "-i", "-t", "--name", "web", "--replace", "--cidfile", "c", "--pidfile", "p", "--pull=never",
		"-e", "A=arg", "--env-file", file, "-e", "LC_*", "-v", dir+":/d:ro,U,z", "--mount", "type=tmpfs,dst=/t,tmpfs-size=1m", "--tmpfs", "/u:mode=700",
		"-w", "/w", "-u", "1000:100", "--entrypoint", `["a","b"]`, "--net", "host", "--cap-add", "NET_RAW,chown", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--read-only", "-l", "x=y", "--annotation", "an=no", "--ulimit", "nofile=10:20",
		"--device", "/dev/null:/dev/n:r", "--uts", "private", "-h", "host.name", "-m", "1.5g", "--cpus", "0.5", "--pids-limit", "5", "--cpuset-cpus", "0",
		"--shm-size", "1k", "--stop-signal", "INT", "--timeout", "3", "--ipc", "host", "--pid", "host", "--cgroup-parent", "/p",
		"--group-add", "audio", "--umask", "077", "--oom-score-adj", "5", "--unsetenv", "U", "--add-host", "six:::1", "img", "cmd")
	e := o.Exec
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"remove", o.Remove, true}, {"name", o.Name, "web"}, {"replace", o.Replace, true}, {"cidfile", o.CIDFile, "c"}, {"pidfile", o.PIDFile, "p"},
		{"pull", o.Pull, "never"}, {"stdin", o.Stdio.In, os.Stdin}, {"terminal", e.Terminal, true},
		{"env", e.Env, []string{"A=file", `Q="q"`, "SECRET=s", "A=arg", "LC_ALL=C", "LC_TIME=d"}},
		{"mounts", e.Mounts, []libexec.Mount{
			{Type: "bind", Source: dir, Destination: "/d", Options: []string{"ro", "z"}, Chown: true},
			{Type: "tmpfs", Destination: "/t", Options: []string{"size=1m"}},
			{Type: "tmpfs", Destination: "/u", Options: []string{"mode=700"}},
		}},
		{"workdir", e.WorkDir, "/w"}, {"user", e.User, "1000:100"}, {"entrypoint", e.Entrypoint, []string{"a", "b"}},
		{"network", e.Network.Mode, libexec.HostMode}, {"ipc", e.IPC.Mode, libexec.HostMode}, {"pid", e.PID.Mode, libexec.HostMode},
		{"cap-add", e.CapAdd, []string{"NET_RAW", "chown"}}, {"nnp", e.Security.NoNewPrivileges, true}, {"read-only", e.ReadOnly, true},
		{"labels", o.Labels, map[string]string{"x": "y"}}, {"annotations", e.Annotations, map[string]string{"an": "no"}},
		{"ulimits", e.Rlimits, []libexec.Rlimit{{Name: "nofile", Soft: 10, Hard: 20}}},
		{"devices", e.Devices, []libexec.Device{{Source: "/dev/null", Destination: "/dev/n", Access: "r"}}},
		{"hostname", e.Hostname, "host.name"}, {"memory", e.Resources.Memory, int64(3 << 29)}, {"cpus", e.Resources.CPUs, 0.5}, {"pids", e.Resources.Pids, int64(5)},
		{"shm", e.ShmSize, int64(1024)}, {"stop-signal", int(o.StopSignal), 2}, {"timeout", o.Timeout, 3 * time.Second},
		{"groups", e.Groups, []string{"audio"}}, {"umask", *e.Umask, uint32(0o77)}, {"oom", *e.OOMScoreAdj, 5},
		{"hosts", e.ExtraHosts, []libexec.Host{{Name: "six", Address: "::1"}}},
		{"image", o.Image, "img"}, {"command", e.Command, []string{"cmd"}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: %#v, want %#v", check.name, check.got, check.want)
		}
	}
}

func TestOptionsRootfsAndSpecialCases(t *testing.T) {
	if o := mustParse(t, "--rootfs", "/r:O", "sh"); o.Rootfs != "/r" || !o.RootfsOverlay || o.Image != "" {
		t.Errorf("rootfs %q, overlay %v, image %q", o.Rootfs, o.RootfsOverlay, o.Image)
	}
	if o := mustParse(t, "--entrypoint", "", "x"); o.Exec.Entrypoint == nil || len(o.Exec.Entrypoint) != 0 {
		t.Errorf("an empty entrypoint is %#v", o.Exec.Entrypoint)
	}
	if o := mustParse(t, "--pids-limit", "0", "--ulimit", "host", "x"); o.Exec.Resources.Pids != -1 || !o.Exec.RlimitsHost {
		t.Errorf("pids %d, host limits %v", o.Exec.Resources.Pids, o.Exec.RlimitsHost)
	}
	if o := mustParse(t, "--env-host", "x"); !reflect.DeepEqual(o.Exec.HostEnv, []string{"HOME=/h", "SECRET=s", "LC_ALL=C", "LC_TIME=d"}) {
		t.Errorf("host environment %q", o.Exec.HostEnv)
	}
	if o := mustParse(t, "-v", "/usr:/o:O", "--mount", "type=image,src=busybox,dst=/i,rw=true", "x"); !reflect.DeepEqual(o.Volumes, []launch.Volume{
		{Overlay: "/usr", Destination: "/o"}, {Image: "busybox", Destination: "/i", ReadWrite: true},
	}) {
		t.Errorf("volumes %+v", o.Volumes)
	}
	o := mustParse(t, "-v", "named:/n:nocopy,ro,U,z", "-v", "/a/", "-v", "over:/v:O,copy", "--mount", "src=m,dst=/m,subpath=s,volume-nocopy", "--mount", "type=volume,dst=/x,readonly", "x")
	if want := []launch.Volume{
		{Name: "named", Destination: "/n", NoCopy: true, Options: []string{"ro", "z"}, Chown: true}, {Anonymous: true, Destination: "/a"},
		{Name: "over", Destination: "/v", Covered: true}, {Name: "m", Destination: "/m", NoCopy: true, Subpath: "s"},
		{Anonymous: true, Destination: "/x", Options: []string{"ro"}},
	}; !reflect.DeepEqual(o.Volumes, want) || o.ImageVolumes != launch.ImageVolumesAnonymous {
		t.Errorf("volumes %+v, want %+v", o.Volumes, want)
	}
	o = mustParse(t, "--volumes-from", "a", "--volumes-from", "b:ro,z", "--image-volume", "bind", "x")
	if want := []launch.VolumesFrom{{Container: "a"}, {Container: "b", Access: "ro"}}; !reflect.DeepEqual(o.VolumesFrom, want) || o.ImageVolumes != launch.ImageVolumesAnonymous {
		t.Errorf("volumes from %+v, want %+v", o.VolumesFrom, want)
	}
	if o := mustParse(t, "--userns=host", "--no-healthcheck", "--sig-proxy", "x"); o.Image != "x" {
		t.Error("neutral values of options that we lack are refused")
	}
}

func TestOptionsRefused(t *testing.T) {
	differences, err := os.ReadFile("../../../docs/podman.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refusedFlags() {
		if r.neutral == nil && !strings.Contains(string(differences), "`--"+r.name+"`") {
			t.Errorf("docs/podman.md does not say that --%s is refused", r.name)
		}
		arg := "--" + r.name + "=surely-not-neutral"
		_, err := parse(t, arg, "x")
		if !errors.Is(err, errclass.Unsupported) || !strings.Contains(err.Error(), "--"+r.name) {
			t.Errorf("%s: %v; want a refusal by name", arg, err)
		}
	}
	for _, args := range [][]string{
		{"--network", "slirp4netns:mtu=1"}, {"--dns", "none"},
		{"-v", "/usr:/x:O,upperdir=/u,workdir=/w"}, {"--mount", "type=glob,src=/x,dst=/y"}, {"--device", "vendor.com/class=gpu"},
		{"--security-opt", "label=type:spc_t"}, {"--security-opt", "apparmor=mine"},
		{"--mount", "src=v,dst=/x,volume-opt=a=b"}, {"--mount", "type=bind,src=/usr,dst=/x,subpath=bin"},
	} {
		if _, err := parse(t, append(args, "x")...); !errors.Is(err, errclass.Unsupported) {
			t.Errorf("%q: %v; want unsupported", args, err)
		}
	}
}

func TestOptionsBad(t *testing.T) {
	dir := t.TempDir()
	for _, args := range [][]string{
		{}, {""}, {"--pull=sometimes", "x"}, {"--name=", "x"}, {"--name=../x", "x"}, {"--name=-x", "x"}, {"--replace", "x"},
		{"-e", "=v", "x"}, {"-e", "A B=v", "x"}, {"-e", "A*=v", "x"}, {"-e", "A**", "x"}, {"--env-file", dir + "/none", "x"}, {"--env-file", dir, "x"},
		{"-v", "/none/at/all:/x", "x"}, {"-v", "/usr:rel", "x"}, {"-v", "/usr:/", "x"}, {"-v", ":/x", "x"}, {"-v", "/usr:/x:ro:z", "x"}, {"-v", "/usr:/x:what", "x"},
		{"-v", "/usr:/x:ro,rw", "x"}, {"-v", "a/b:/x", "x"}, {"-v", "-a:/x", "x"}, {"-v", "a:/x:copy,nocopy", "x"}, {"-v", "/usr:/x:nocopy", "x"}, {"-v", "/", "x"}, {"-v", "rel", "x"},
		{"-v", "a:/x", "-v", "/x", "x"}, {"--mount", "type=volume,src=/usr,dst=/x", "x"}, {"--mount", "type=bind,src=a,dst=/x", "x"}, {"--volumes-from", ":ro", "x"}, {"--volumes-from", "a:O", "x"},
		{"--volumes-from", "a:ro,rw", "x"}, {"--image-volume", "keep", "x"}, {"-v", "/usr:/x", "-v", "/etc:/x/", "x"}, {"-v", "/usr:/x", "--tmpfs", "/x", "x"}, {"-v", "/usr:/x", "--mount", "type=image,src=i,dst=/x", "x"},
		{"--tmpfs", "rel", "x"}, {"--tmpfs", "/x:size=big", "x"}, {"--tmpfs", "/x:upperdir=/etc", "x"}, {"--mount", "", "x"}, {"--mount", "type=bind,src=/usr", "x"},
		{"--mount", "type=odd,src=/usr,dst=/x", "x"}, {"--mount", "type=bind,src=/usr,dst=/x,ro=maybe", "x"}, {"--mount", "type=bind,dst=/x", "x"},
		{"--mount", "type=bind,src=/usr,dst=/x,relabel=no", "x"}, {"--mount", "type=image,dst=/x", "x"}, {"--mount", "type=tmpfs,src=/usr,dst=/x", "x"},
		{"-u", "-1", "x"}, {"-u", "4294967296", "x"}, {"-u", "00", "x"}, {"-u", "0x0", "x"}, {"-u", "1000:4294967295", "x"}, {"-u", "²", "x"}, {"-u", ":", "x"}, {"-u", "a\nb", "x"},
		{"--cap-add", "everything", "x"}, {"--cap-add", "chown", "--cap-drop", "chown", "x"}, {"--security-opt", "odd", "x"}, {"--security-opt", "profile=lax", "x"},
		{"--security-opt", "seccomp=/none", "x"}, {"--security-opt", "no-new-privileges=maybe", "x"}, {"--security-opt", "mask=rel", "x"},
		{"--ulimit", "nofile", "x"}, {"--ulimit", "odd=1", "x"}, {"--ulimit", "nofile=2:1", "x"}, {"--ulimit", "nofile=-2", "x"},
		{"--device", "/dev/none", "x"}, {"--device", "/etc/passwd", "x"}, {"--device", "/dev/null:/x:rr", "x"}, {"--device", "/dev/null:", "x"}, {"--device", "dev", "x"},
		{"-h", "a b", "x"}, {"-h", "a\nb", "x"}, {"-h", strings.Repeat("a", 65), "x"}, {"-h", "h", "--uts=host", "x"},
		{"-m", "10x", "x"}, {"-m", "-1", "x"}, {"-m", "nan", "x"}, {"-m", "1e9", "x"}, {"-m", "9999999999g", "x"}, {"--memory-swap", "1m", "x"}, {"--cpus", "-1", "x"}, {"--cpus", "nan", "x"}, {"--pids-limit", "-2", "x"},
		{"--cpuset-cpus", "a", "x"}, {"--cpuset-cpus", "2-1", "x"}, {"--shm-size", "0x", "x"}, {"--stop-signal", "SIGNOT", "x"}, {"--umask", "999", "x"}, {"--umask", "7777", "x"},
		{"--entrypoint", "[1]", "x"}, {"--label", "=x", "x"}, {"--annotation", "noequals", "x"}, {"--network", "ns:/etc/passwd", "x"}, {"--network", "ns:rel", "x"}, {"--pid", "ns:/none", "x"},
		{"--sysctl", "net.ipv4.ip_forward=1+kernel.core_pattern=x", "x"}, {"--sysctl", "kernel.core_pattern=x", "x"}, {"--sysctl", "net.x=1", "--network=host", "x"}, {"--cgroup-parent", "../x", "x"},
		{"--add-host", "x", "x"}, {"--add-host", "x:1.2.3", "x"}, {"--add-host", "a\nb:1.2.3.4", "x"}, {"--preserve-fds", "60000", "x"}, {"--preserve-fds", "99999999", "x"}, {"--oom-score-adj", "1001", "x"},
	} {
		if o, err := parse(t, args...); err == nil {
			t.Errorf("%q is accepted: %+v", args, o)
		} else if class, _ := errclass.Of(err); !slices.Contains([]errclass.Class{errclass.Usage, errclass.Unsupported}, class) && !strings.Contains(err.Error(), "invalid argument") {
			t.Errorf("%q: class %s: %v", args, class, err)
		} else if strings.Count(err.Error(), "\n") > 0 && !strings.Contains(strings.Join(args, ""), "\n") {
			t.Errorf("%q: more than a line: %v", args, err)
		}
	}
}

func TestOptionsNetworks(t *testing.T) {
	o := mustParse(t, "--network", "a:ip=10.0.0.5,alias=x,alias=y", "--network", "b,c:mac=02:00:00:00:00:01,interface_name=lan", "-p", "8080:80", "-p", "[::1]:53:53/udp",
		"--expose", "90-91", "--dns", "10.0.0.1", "--dns-search", ".", "--add-host", "up:host-gateway", "--network-alias", "all", "x")
	if want := []network.Attachment{
		{Network: "a", IP: netip.MustParseAddr("10.0.0.5"), Aliases: []string{"x", "y", "all"}}, {Network: "b", Aliases: []string{"all"}},
		{Network: "c", MAC: "02:00:00:00:00:01", Interface: "lan", Aliases: []string{"all"}},
	}; !reflect.DeepEqual(o.Networks, want) {
		t.Errorf("networks %+v", o.Networks)
	}
	if want := []network.Port{
		{Host: 8080, Container: 80, Range: 1, Protocol: "tcp"}, {HostIP: netip.MustParseAddr("::1"), Host: 53, Container: 53, Range: 1, Protocol: "udp"},
	}; !reflect.DeepEqual(o.Ports, want) {
		t.Errorf("ports %+v", o.Ports)
	}
	if want := []network.Port{{Container: 90, Range: 2, Protocol: "tcp"}}; !reflect.DeepEqual(o.Expose, want) || o.PublishAll {
		t.Errorf("exposed %+v", o.Expose)
	}
	if o := mustParse(t, "--network", "private", "--ip", "10.0.0.7", "--ip6", "fd00::7", "--mac-address", "02:00:00:00:00:02", "x"); !reflect.DeepEqual(o.Networks, []network.Attachment{
		{Network: "private", IP: netip.MustParseAddr("10.0.0.7"), IP6: netip.MustParseAddr("fd00::7"), MAC: "02:00:00:00:00:02"},
	}) {
		t.Errorf("networks %+v", o.Networks)
	}
	if o := mustParse(t, "--network", "container:other", "x"); o.NetworkOf != "other" || o.Networks != nil {
		t.Errorf("network of %q, %v", o.NetworkOf, o.Networks)
	}
	for _, args := range [][]string{
		{"--network", "none", "--network", "a"}, {"--network", "container:"}, {"--network", "a b"}, {"--network", "a:ip=1"}, {"--network", "a:what=1"}, {"--network", "a:mac=1"},
		{"--network", "a:interface_name=lo"}, {"--network", "a:alias=-"}, {"--network", "none", "-p", "80"}, {"--network", "host", "--ip", "10.0.0.1"}, {"--ip", "fd00::1"}, {"--ip6", "10.0.0.1"},
		{"--network", "a", "--network", "b", "--ip", "10.0.0.1"}, {"-p", ""}, {"-p", "0"}, {"-p", "70000"}, {"-p", "80:81-82"}, {"-p", "2-1"}, {"-p", "1:2:3:4"}, {"-p", "::1:80:80"}, {"-p", "80/icmp"},
		{"-p", "host:80:80"}, {"--expose", "x"}, {"--dns", "name"}, {"--dns-search", "a b"}, {"--dns-option", "a\nb"}, {"--no-hosts", "--add-host", "a:1.2.3.4"}, {"--network-alias", "a\nb"},
	} {
		if o, err := parse(t, append(args, "x")...); err == nil {
			t.Errorf("%q is accepted: %+v %+v", args, o.Networks, o.Ports)
		} else if class, _ := errclass.Of(err); class != errclass.Usage {
			t.Errorf("%q: %v", args, err)
		}
	}
}
