// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/errclass"
)

// refusal is an option of podman's that this version does not have. It is
// known, so that it is refused by name instead of being taken for a mistake; it
// is never ignored.
type refusal struct {
	name, value string
}

// refusedFlag is such an option.
type refusedFlag struct {
	name, short string
	boolean     bool
	// neutral are values that ask for what happens anyway.
	neutral []string
}

func refusedFlags() []refusedFlag {
	off := []string{"false"}
	return []refusedFlag{
		{name: "http-proxy", boolean: true, neutral: off},
		{name: "conmon-pidfile"},
		{name: "pod"}, {name: "pod-id-file"}, {name: "secret"},
		{name: "init-path"}, {name: "init-ctr"}, {name: "label-file"}, {name: "passwd", boolean: true, neutral: off}, {name: "rmi", boolean: true, neutral: off},
		{name: "passwd-entry"}, {name: "hostuser"}, {name: "personality"}, {name: "rdt-class"}, {name: "seccomp-policy"},
		{name: "systemd", neutral: []string{"false"}}, {name: "tz"}, {name: "variant"}, {name: "arch"}, {name: "os"},
		{name: "platform"}, {name: "decryption-key"}, {name: "disable-content-trust", boolean: true, neutral: []string{"true", "false"}},
		{name: "device-cgroup-rule"}, {name: "chrootdirs"},
		{name: "env-merge"}, {name: "gpus"}, {name: "group-entry"}, {name: "shm-size-systemd"},
	}
}

// registerRefused makes them known, hidden from help and completion.
func (f *flags) registerRefused(s *pflag.FlagSet) {
	for _, r := range refusedFlags() {
		flag := s.VarPF(&refusedValue{flags: f, flag: r}, r.name, r.short, "Not in this version")
		flag.Hidden = true
		if r.boolean {
			flag.NoOptDefVal = "true"
		}
	}
}

// refusedValue notes that its option was given: an error here would reach the
// user as one of usage.
type refusedValue struct {
	flags *flags
	flag  refusedFlag
}

func (v *refusedValue) String() string { return "" }
func (v *refusedValue) Type() string   { return "string" }

func (v *refusedValue) Set(value string) error {
	if !slices.Contains(v.flag.neutral, value) {
		v.flags.refused = append(v.flags.refused, refusal{v.flag.name, value})
	}
	return nil
}

// refuse gives the error for the first option that this version lacks.
func (f *flags) refuse() error {
	if len(f.refused) == 0 {
		return nil
	}
	return unsupported("--"+f.refused[0].name, "--%s is not supported by this version", f.refused[0].name)
}

func unsupported(object, format string, args ...any) error {
	return errclass.New(errclass.Unsupported, object, fmt.Errorf(format, args...))
}
