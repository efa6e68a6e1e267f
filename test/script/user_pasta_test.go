// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/test/scene"
	"golang.org/x/sys/unix"
)

// serve is a web server that says who asks. What calls through pasta speaks HTTP: the one
// of Debian 12 does not always get through what comes after a side has ended its own.
const serve = "mkdir -p /www; echo served >/www/index.html; exec httpd -f -vv -p 80 -h /www"

// served is a server in a container: by each address of the host, over IPv4 and IPv6,
// from here and from elsewhere. It sees who calls.
func (r *rig) served() {
	r.tug("run", "-d", "--name", "web", "-p", "80", "-p", "127.0.0.1::81", "-p", "53/udp", r.image, "sh", "-c",
		"mkdir /www; httpd -p 81 -h /www; "+serve)
	port := r.port("web", "80/tcp")
	r.until("the server answers", func() bool { return exec.Command("curl", "-sf", "http://127.0.0.1:"+port).Run() == nil })
	hosts := []string{"127.0.0.1", "[::1]", r.there.host.String(), "[" + r.there.host6.String() + "]"}
	for _, host := range hosts {
		if got := r.output(exec.Command("curl", "-sSf", "http://"+host+":"+port)); got != "served\n" {
			r.Errorf("from here, %s: %q", host, got)
		}
	}
	for _, host := range hosts[2:] {
		if got := r.from("curl", "-sSf", "http://"+host+":"+port); got != "served\n" {
			r.Errorf("from elsewhere, %s: %q", host, got)
		}
	}
	logs := r.command("tug", "logs", "web")
	said, err := logs.CombinedOutput()
	for _, client := range []string{":127.0.0.1]:", r.there.own.String() + "]:", "[" + r.there.own6.String() + "]:"} {
		if err != nil || !strings.Contains(string(said), client) {
			r.Errorf("the server has not seen %s: %v: %s", client, err, said)
		}
	}
	// A port of 127.0.0.1 is of no other address.
	inner := r.port("web", "81/tcp")
	if got := r.output(exec.Command("curl", "-sSf", "http://127.0.0.1:"+inner)); got != "served\n" {
		r.Errorf("127.0.0.1:%s: %q", inner, got)
	}
	if out, err := exec.Command("ip", "netns", "exec", r.there.name, "curl", "-sf", "-m", "20", "http://"+r.there.host.String()+":"+inner).Output(); err == nil {
		r.Errorf("%s:%s is reached: %q", r.there.host, inner, out)
	}
	r.datagram()
	// Another container shares the network, and a port below 1024 of its own.
	if got := r.tug("run", "--rm", "--network", "container:web", r.image, "wget", "-qO-", "http://127.0.0.1:80"); got != "served\n" {
		r.Errorf("container:web: %q", got)
	}
}

// datagram goes from the other host to the container, and an answer back.
func (r *rig) datagram() {
	pid := strings.TrimSpace(r.tug("inspect", "-f", "{{.State.Pid}}", "web"))
	server, err := within("/proc/"+pid+"/ns/net", func() (net.Conn, error) {
		return net.ListenUDP("udp", &net.UDPAddr{Port: 53})
	})
	if err != nil {
		r.Fatal(err)
	}
	defer server.Close()
	to := net.JoinHostPort(r.there.host.String(), r.port("web", "53/udp"))
	client, err := within("/run/netns/"+r.there.name, func() (net.Conn, error) { return net.Dial("udp", to) })
	if err != nil {
		r.Fatal(err)
	}
	defer client.Close()
	buffer := make([]byte, 100)
	r.until("an answer to a datagram", func() bool {
		deadline := time.Now().Add(time.Second) // one may be lost
		_, err := client.Write([]byte("question"))
		if err == nil {
			err = errors.Join(server.SetDeadline(deadline), client.SetDeadline(deadline))
		}
		if err != nil {
			r.Fatal(err)
		}
		_, from, err := server.(*net.UDPConn).ReadFromUDPAddrPort(buffer)
		if err != nil {
			return false
		}
		if from.Addr().Unmap() != r.there.own {
			r.Errorf("the container has a datagram of %s", from)
		}
		if _, err := server.(*net.UDPConn).WriteToUDPAddrPort([]byte("answer"), from); err != nil {
			r.Fatal(err)
		}
		n, err := client.Read(buffer)
		return err == nil && string(buffer[:n]) == "answer"
	})
}

// within opens a socket in a network namespace.
func within(namespace string, open func() (net.Conn, error)) (conn net.Conn, err error) {
	f, err := os.Open(namespace)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: it ends with the goroutine
		if err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err == nil {
			conn, err = open()
		}
	}()
	<-done
	return conn, err
}

// outward is what a container reaches: the host by its name, and another host, which
// takes it for this one.
func (r *rig) outward() {
	www := r.TempDir()
	if err := os.WriteFile(filepath.Join(www, "index.html"), []byte("outside\n"), 0o644); err != nil {
		r.Fatal(err)
	}
	listen, err := net.Listen("tcp", ":0")
	if err != nil {
		r.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listen.Addr().String())
	host := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the host\n") })}
	go host.Serve(listen) // until it is closed
	defer host.Close()
	if got := r.tug("run", "--rm", r.image, "wget", "-qO-", "http://host.containers.internal:"+port); got != "the host\n" {
		r.Errorf("host.containers.internal: %q", got)
	}
	server := exec.Command("ip", "netns", "exec", r.there.name, "busybox", "httpd", "-f", "-vv", "-p", "8080", "-h", www)
	var said strings.Builder
	server.Stderr = &said
	if err := server.Start(); err != nil {
		r.Fatal(err)
	}
	r.until("the other host answers", func() bool {
		return exec.Command("curl", "-sf", "http://"+r.there.own.String()+":8080").Run() == nil
	})
	for _, host := range []string{r.there.own.String(), "[" + r.there.own6.String() + "]"} {
		if got := r.tug("run", "--rm", r.image, "wget", "-qO-", "http://"+host+":8080"); got != "outside\n" {
			r.Errorf("%s: %q", host, got)
		}
	}
	_ = server.Process.Kill()
	_ = server.Wait() // it was killed
	if strings.Count(said.String(), r.there.host.String()) < 2 {
		r.Errorf("the other host has seen %s", said.String())
	}
}

// bulk is 100 MB each way, from and to the other host.
func (r *rig) bulk() {
	const data = "head -c 100000000 /dev/zero | tr '\\0' x"
	want, _, _ := strings.Cut(r.output(exec.Command("sh", "-c", data+" | sha256sum")), " ")
	r.tug("run", "-d", "--name", "bulk", "-p", "80", r.image, "sh", "-c", `mkdir -p /www/cgi-bin
		printf '#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"; head -c $CONTENT_LENGTH | sha256sum\n' >/www/cgi-bin/sum
		chmod 755 /www/cgi-bin/sum; `+data+` >/www/data; exec httpd -f -p 80 -h /www`)
	url := "http://" + r.there.host.String() + ":" + r.port("bulk", "80/tcp")
	r.until("the server answers", func() bool { return exec.Command("curl", "-sf", "-I", url+"/data").Run() == nil })
	if got := r.from("sh", "-c", "curl -sSf "+url+"/data | sha256sum"); !strings.HasPrefix(got, want) {
		r.Errorf("from the container: %s, not %s", got, want)
	}
	if got := r.from("sh", "-c", data+" | curl -sSf -H Expect: --data-binary @- "+url+"/cgi-bin/sum"); !strings.HasPrefix(got, want) {
		r.Errorf("to the container: %s, not %s", got, want)
	}
}

// again: a container that is stopped has no port, and one that is started again has it
// again, also when its policy does that.
func (r *rig) again() {
	port := freePort()
	answers := func() bool { return exec.Command("curl", "-sf", "http://127.0.0.1:"+port).Run() == nil }
	r.tug("run", "-d", "--name", "web", "--restart", "always", "-p", port+":80", r.image, "sh", "-c", serve)
	r.until("the server answers", answers)
	r.tug("stop", "-t", "0", "web")
	if answers() || len(r.pastas()) != 0 {
		r.Error("its port is there when it is stopped")
	}
	r.tug("start", "web")
	r.until("the server answers again", answers)
	pid := strings.TrimSpace(r.tug("inspect", "-f", "{{.State.Pid}}", "web"))
	if n, err := strconv.Atoi(pid); err != nil || syscall.Kill(n, syscall.SIGKILL) != nil {
		r.Fatalf("pid %s", pid)
	}
	r.until("its policy has started it", func() bool {
		return strings.TrimSpace(r.tug("inspect", "-f", "{{.State.Pid}} {{.State.Running}}", "web")) != pid+" true" && answers()
	})
}

// freePort is a port of those that the kernel gives to nobody who asks for any.
func freePort() string {
	for port := 20000 + os.Getpid()%10000; ; port++ {
		if free, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			free.Close()
			return strconv.Itoa(port)
		}
	}
}

// broken is what cannot be: each time a line that says why, and nothing is left. The
// mounts are seen by a command that no other has let into its namespace.
func (r *rig) broken() {
	held, err := net.Listen("tcp", ":0")
	if err != nil {
		r.Fatal(err)
	}
	defer held.Close()
	_, port, _ := net.SplitHostPort(held.Addr().String())
	script := func(name, text string) string {
		path := filepath.Join(r.home, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n[ \"$1\" = --help ] && exec echo --netns --dns-forward\n"+text+"\n"), 0o755); err != nil {
			r.Fatal(err)
		}
		return path
	}
	instead := func(file string) string { return "mount --bind " + file + " $(readlink -f /usr/bin/pasta)" }
	for _, fault := range []struct{ prepare, option, says string }{
		{"true", "-p=" + port + ":80", "port " + port + "/tcp of the host: "},
		{"true", "-p=81:80", "net.ipv4.ip_unprivileged_port_start=81"},
		{"true", "-p=80/sctp", "pasta knows tcp and udp alone"},
		{"true", "--network=bridge", "network bridge: only root can put containers there"},
		{"mount -t tmpfs tmpfs /dev/net", "-i", "/dev/net/tun: no such file or directory: `modprobe tun`"},
		{"touch /dev/shm/tun.$$; mount --bind /dev/shm/tun.$$ /dev/net/tun; rm /dev/shm/tun.$$; chmod 600 /dev/net/tun", "-i", "/dev/net/tun: permission denied: `chmod 666"},
		{instead(script("fails", "echo no luck today >&2; exit 1")), "-i", "pasta: no luck today"},
		{instead(script("dies", "kill -9 $$")), "-i", "pasta: signal: killed"},
		{instead(script("hangs", "sleep 1000")), "-i", "it was killed, since it was not ready"},
	} {
		if start, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start"); fault.option == "-p=81:80" && err == nil && string(start) != "1024\n" {
			continue // somebody has given it to users
		}
		args := r.command("tug", "--log-level", "error", "run", "--rm", fault.option, r.image, "true").Args
		cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", fault.prepare + `; exec "$@"`, "sh"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != 125 || !strings.Contains(string(out), fault.says) || strings.Count(string(out), "\n") != 1 {
			r.Errorf("%s, %s: %v: %s", fault.prepare, fault.option, err, out)
		}
	}
	if names := r.tug("ps", "-a", "--format", "{{.Names}}"); names != "" {
		r.Errorf("left: %s", names)
	}
	r.tug("run", "-d", "--name", "holder", "-p", "80", r.image, "sleep", "1000")
	out, err := r.command("tug", "run", "--rm", "-p", r.port("holder", "80/tcp")+":80", r.image, "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "container holder has it") {
		r.Errorf("the port of another container: %v: %s", err, out)
	}
}

// killed: pasta, which `tug network reload` starts again, and the command of a
// container, of which the next command leaves nothing.
func (r *rig) killed() {
	r.tug("run", "-d", "--name", "web", "-p", "80", r.image, "sh", "-c", serve)
	port := r.port("web", "80/tcp")
	answers := func() bool { return exec.Command("curl", "-sf", "http://127.0.0.1:"+port).Run() == nil }
	r.until("the server answers", answers)
	r.kill(r.pastas()...)
	if answers() {
		r.Error("the server answers without pasta")
	}
	r.tug("network", "reload")
	r.until("the server answers again", answers)
	r.tug("rm", "-f", "-t", "0", "web")

	for name, when := range map[string]func() bool{
		"as pasta starts": func() bool { return len(r.pastas()) > 0 },
		"as it runs":      func() bool { return r.tug("ps", "-q", "-f", "status=running") != "" },
	} {
		run := r.command("tug", "run", "--rm", "-p", "80", r.image, "sleep", "1000")
		if err := run.Start(); err != nil {
			r.Fatal(err)
		}
		r.until(name, when)
		if err := run.Process.Kill(); err != nil {
			r.Fatal(err)
		}
		_ = run.Wait()                     // it was killed
		r.tug("rm", "-f", "-a", "-t", "0") // the container itself may run
		r.tug("gc")
		r.until("killed "+name+", pasta is gone", func() bool { return len(r.pastas()) == 0 })
	}
}

func (r *rig) kill(pids ...int) {
	r.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			r.Errorf("kill %d: %v", pid, err)
		}
		r.until("it is dead", func() bool { return scene.Command(pid) == "" })
	}
}
