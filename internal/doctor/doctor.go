// SPDX-License-Identifier: Apache-2.0

// Package doctor looks at whether this machine is able to run containers for
// whoever asks: one finding for each thing, and the command that mends it.
//
//	for _, f := range doctor.Examine(ctx, doctor.New(opts)) {
//		fmt.Println(f.State, f.Check, f.Text, f.Command)
//	}
//
// It changes nothing. What can be tried is tried (a user namespace, a mount, a
// runtime), since a setting read from a file says less; what is made for a trial
// is gone afterwards.
package doctor

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libstorage"
)

// State says how good a thing is.
type State string

// The states, from good to bad.
const (
	OK      State = "ok"
	Limited State = "limited" // something does not work that others have
	Broken  State = "broken"  // containers do not work
)

// A Finding is what there is to say of one thing.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Text  string `json:"text"`
	// Command mends it, for whoever asked: with sudo where that is not root.
	// Empty where all is well, or where no command helps.
	Command string `json:"command"`
}

// Options are what the commands of this project are told.
type Options struct {
	Store   libstorage.Options
	Runtime string
	Getenv  func(string) string
	Environ []string
	// Globals are the flags that say the same again, for a process of ours.
	Globals []string
}

// A View is who asks, and of what.
type View struct {
	uid     int
	name    string // of the user; the uid where there is none
	getenv  func(string) string
	environ []string
	store   libstorage.Options
	runtime string
	globals []string
	now     time.Time
	built   time.Time
}

// New is the view of the process that calls it.
func New(o Options) *View {
	v := &View{
		uid: os.Getuid(), getenv: o.Getenv, environ: o.Environ, store: o.Store, runtime: o.Runtime, globals: o.Globals,
		now: time.Now(), built: builtAt(),
	}
	v.name = strconv.Itoa(v.uid)
	if u, err := user.LookupId(v.name); err == nil {
		v.name = u.Username
	}
	return v
}

func (v *View) root() bool { return v.uid == 0 }

type check struct {
	name string
	look func(context.Context, *View) Finding
}

// Checks are the names of all things that are looked at, in order.
func Checks() []string {
	var names []string
	for _, c := range checks() {
		names = append(names, c.name)
	}
	return names
}

func checks() []check {
	return []check{
		{"kernel", kernel},
		{"namespaces", namespaces},
		{"user-namespaces", userNamespaces},
		{"apparmor", appArmor},
		{"subuid", func(_ context.Context, v *View) Finding {
			return v.subIDs("/etc/subuid", "/etc/subgid", "--add-subuids")
		}},
		{"subgid", func(_ context.Context, v *View) Finding {
			return v.subIDs("/etc/subgid", "/etc/subuid", "--add-subgids")
		}},
		{"newuidmap", func(_ context.Context, v *View) Finding { return v.mapper("newuidmap", "/etc/subuid", capSetuid) }},
		{"newgidmap", func(_ context.Context, v *View) Finding { return v.mapper("newgidmap", "/etc/subgid", capSetgid) }},
		{"overlay", overlay},
		{"cgroups", cgroups},
		{"crun", func(ctx context.Context, v *View) Finding { return v.runtimeFinding(ctx, "crun") }},
		{"runc", func(ctx context.Context, v *View) Finding { return v.runtimeFinding(ctx, "runc") }},
		{"runtime", chosenRuntime},
		{"pasta", pasta},
		{"nftables", nftables},
		{"cni", cniPlugins},
		{"graphroot", graphRoot},
		{"runroot", runRoot},
		{"space", space},
		{"storage.conf", storageConf},
		{"registries.conf", registriesConf},
		{"policy.json", policyJSON},
		{"containers.conf", containersConf},
		{"auth.json", authJSON},
		{"clock", clock},
		{"rtc", rtc},
	}
}

// Examine looks at everything. Each check has one finding.
func Examine(ctx context.Context, v *View) []Finding {
	var found []Finding
	for _, c := range checks() {
		f := c.look(ctx, v)
		f.Check = c.name
		found = append(found, f)
	}
	return found
}

// Worst is the worst state among findings.
func Worst(found []Finding) State {
	worst := OK
	for _, f := range found {
		if f.State == Broken || f.State == Limited && worst == OK {
			worst = f.State
		}
	}
	return worst
}

func ok(format string, args ...any) Finding {
	return Finding{State: OK, Text: fmt.Sprintf(format, args...)}
}

func limited(command, format string, args ...any) Finding {
	return Finding{State: Limited, Text: fmt.Sprintf(format, args...), Command: command}
}

func broken(command, format string, args ...any) Finding {
	return Finding{State: Broken, Text: fmt.Sprintf(format, args...), Command: command}
}

// forUsers is a fault that root does not have: its containers need none of it.
func (v *View) forUsers(command, format string, args ...any) Finding {
	f := broken(command, format, args...)
	if v.root() {
		f.State = Limited
		f.Text += "; root needs it not, users do"
	}
	return f
}

// runtimeOptions are those with which launch finds a runtime.
func (v *View) runtimeOptions() (libexec.RuntimeOptions, error) {
	config, err := libexec.ReadRuntimeConfig(libexec.RuntimeConfigFiles(v.getenv, v.uid))
	return libexec.RuntimeOptions{
		Name: v.runtime, Config: config, Path: v.getenv("PATH"), Env: libexec.RuntimeEnv(v.environ),
	}, err
}
