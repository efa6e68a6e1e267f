// SPDX-License-Identifier: Apache-2.0

package script_test

import (
	"context"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry"
	"golang.org/x/sys/unix"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

func (s *stage) commands() map[string]command {
	return map[string]command{
		"code": code, "until": until, "signal": signal, "registry": startRegistry, "need": s.need,
	}
}

// code is: code N PROGRAM [ARG...]
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// until is: until PROGRAM [ARG...]
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until program [args...]")
	}
	deadline := time.Now().Add(time.Minute)
	for {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s: %v for a minute", strings.Join(args, " "), err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// signal is: signal NAME, to the commands in the background
func signal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: signal NAME")
	}
	number := unix.SignalNum("SIG" + args[0])
	if number == 0 {
		ts.Fatalf("signal %s: unknown", args[0])
	}
	for _, cmd := range ts.BackgroundCmds() {
		ts.Check(cmd.Process.Signal(number))
	}
}

// startRegistry is: registry VAR [tls] [USER:PASSWORD]
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: registry VAR [tls] [USER:PASSWORD]")
	}
	opts := registry.Options{}
	for _, arg := range args[1:] {
		user, password, isUser := strings.Cut(arg, ":")
		switch {
		case arg == "tls":
			opts.TLS = true
		case isUser:
			opts.Users = map[string]string{user: password}
		default:
			ts.Fatalf("registry: %s: neither tls nor USER:PASSWORD", arg)
		}
	}
	reg, err := registry.Start(context.Background(), opts)
	ts.Check(err)
	ts.Defer(func() { ts.Check(reg.Stop()) })
	ts.Setenv(args[0], reg.Host)
	ts.Setenv(args[0]+"_CERTS", reg.CertDir)
}

// debianOnce pushes the Debian image when the first story needs it.
type debianOnce struct {
	sync.Once
	err error
}

// need is: need debian
func (s *stage) need(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "debian" {
		ts.Fatalf("usage: need debian")
	}
	s.pushDebian()
	if s.debian.err != nil {
		ts.Fatalf("no Debian image: %v", s.debian.err)
	}
	ts.Setenv("DEBIAN", s.host+"/debian:latest")
}

func (s *stage) pushDebian() {
	if s.user {
		return // it was pushed before
	}
	s.debian.Do(func() {
		var image *images.Built
		if image, s.debian.err = images.Debian(context.Background(), s.cache); s.debian.err == nil {
			s.debian.err = s.registry.Upload(image, "debian:latest")
		}
	})
}

func dashed(name string) string { return strings.ReplaceAll(name, ":", "-") }
