// SPDX-License-Identifier: Apache-2.0

package unit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FromCommand writes the .container file of a command line as people type it:
// `podman run -d -p 80:80 image`, or docker's or tug's.
func FromCommand(args []string) (name, text string, err error) {
	args, err = afterVerb(args)
	if err != nil {
		return "", "", err
	}
	d := &described{}
	rest, err := d.options(args)
	if err != nil {
		return "", "", err
	}
	if len(rest) == 0 {
		return "", "", errors.New("there is no image in the command line")
	}
	if d.rootfs {
		d.set("Rootfs", rest[0])
	} else {
		d.set("Image", rest[0])
	}
	if len(rest) > 1 {
		d.lines = append(d.lines, "Exec="+joined(rest[1:]))
	}
	return d.name, d.text(rest[0]), nil
}

// afterVerb leaves out the program and its verb.
func afterVerb(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, errors.New("the command line is empty")
	}
	program := args[0][strings.LastIndexByte(args[0], '/')+1:]
	args = args[1:]
	switch program {
	case "tug-run", "tug-create":
		return args, nil
	case "podman", "docker", "nerdctl", "tug":
	default:
		return nil, fmt.Errorf("%q: not a command line of podman, docker or tug", program)
	}
	if len(args) > 0 && args[0] == "container" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] != "run" && args[0] != "create" {
		return nil, fmt.Errorf("%s: the verb must be run or create, directly after it", program)
	}
	return args[1:], nil
}

// described is a container as its file has it.
type described struct {
	name    string
	rootfs  bool
	restart string
	lines   []string // of [Container]
	service []string // of [Service]
}

// shorts are the options of one letter; those in flagLetters take no value.
var shorts = map[byte]string{
	'a': "attach", 'c': "cpu-shares", 'd': "detach", 'e': "env", 'h': "hostname", 'i': "interactive", 'l': "label", 'm': "memory",
	'P': "publish-all", 'p': "publish", 'q': "quiet", 't': "tty", 'u': "user", 'v': "volume", 'w': "workdir",
}

// switches are the options that take no value unless it is behind a =.
var switches = []string{
	"detach", "disable-content-trust", "env-host", "help", "http-proxy", "init", "interactive", "no-healthcheck", "no-hostname", "no-hosts",
	"oom-kill-disable", "passwd", "privileged", "publish-all", "quiet", "read-only", "read-only-tmpfs", "replace", "rm", "rmi", "rootfs", "sig-proxy",
	"supervised", "tls-verify", "tty", "unsetenv-all",
}

// options reads the options, and gives what comes after them.
func (d *described) options(args []string) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		switch {
		case arg == "--":
			return args[1:], nil
		case strings.HasPrefix(arg, "--"):
			name, value, has := strings.Cut(arg[2:], "=")
			if args, err = d.take(name, value, has, args[1:]); err != nil {
				return nil, err
			}
		case len(arg) > 1 && arg[0] == '-':
			if args, err = d.letters(arg[1:], args[1:]); err != nil {
				return nil, err
			}
		default:
			return args, nil
		}
	}
	return nil, nil
}

func (d *described) letters(letters string, args []string) ([]string, error) {
	for i := range len(letters) {
		name, ok := shorts[letters[i]]
		if !ok {
			return nil, fmt.Errorf("-%c: not an option that is known", letters[i])
		}
		if slices.Contains(switches, name) {
			if err := d.add(name, "true"); err != nil {
				return nil, err
			}
			continue
		}
		value := strings.TrimPrefix(letters[i+1:], "=")
		return d.take(name, value, letters[i+1:] != "", args)
	}
	return args, nil
}

func (d *described) take(name, value string, has bool, args []string) ([]string, error) {
	switch {
	case has:
	case slices.Contains(switches, name):
		value = "true"
	case len(args) == 0:
		return nil, fmt.Errorf("--%s: its value is missing", name)
	default:
		value, args = args[0], args[1:]
	}
	return args, d.add(name, value)
}

// lost are options that nothing in a unit stands for. Limits of a cgroup that the
// container does not have, and what the unit's start would refuse, are no better found
// at the next boot.
var lost = []string{
	"blkio-weight", "blkio-weight-device", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus", "cpuset-mems", "device-read-bps", "device-read-iops",
	"device-write-bps", "device-write-iops", "health-log-destination", "health-max-log-count", "health-max-log-size", "memory-reservation", "memory-swap", "memory-swappiness", "oom-kill-disable", "pod", "pod-id-file", "secret", "tz",
}

// add makes a line of an option.
func (d *described) add(name, value string) error {
	if slices.Contains(lost, name) {
		return fmt.Errorf("--%s: there is no key for it: leave it out, and see systemd.resource-control(5) for limits", name)
	}
	switch name {
	case "name":
		d.name = value
		d.set("ContainerName", value)
	case "restart":
		d.restart = value
	case "health-on-failure":
		if value == "restart" && d.restart == "" {
			d.restart = "on-failure"
		}
		d.set("HealthOnFailure", value)
	case "root", "runroot", "storage-driver", "storage-opt", "log-level", "runtime":
		// Who cleans up has to find the store, too.
		d.lines = append(d.lines, "GlobalArgs="+joined([]string{"--" + name + "=" + value}))
	case "rootfs":
		d.rootfs = value == "true"
	case "user":
		user, group, both := strings.Cut(value, ":")
		d.set("User", user)
		if both {
			d.set("Group", group)
		}
	case "cpus":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || n <= 0 {
			return fmt.Errorf("--cpus %s: not a number", shorten(value))
		}
		d.service = append(d.service, fmt.Sprintf("CPUQuota=%.0f%%", 100*n))
	case "timeout":
		d.service = append(d.service, "RuntimeMaxSec="+one(value))
	case "rm", "detach", "replace", "interactive", "tty", "attach", "sig-proxy", "quiet", "cidfile", "pidfile", "supervised", "sdnotify", "cgroups",
		"detach-keys", "log-driver", "log-opt", "conmon-pidfile":
		// The unit says what these do.
	default:
		line, ok := assignment(name, value)
		if !ok {
			line = "PodmanArgs=" + joined([]string{"--" + name + "=" + value})
		}
		d.lines = append(d.lines, line)
	}
	return nil
}

// assignment finds the key of an option that has one of its own.
func assignment(name, value string) (string, bool) {
	if key, ok := map[string]string{
		"device": "AddDevice", "env-file": "EnvironmentFile", "volume": "Volume", "mount": "Mount", "network": "Network", "net": "Network",
		"memory": "Memory", "pids-limit": "PidsLimit", "stop-signal": "StopSignal", "stop-timeout": "StopTimeout",
	}[name]; ok {
		return key + "=" + one(value), true
	}
	for _, key := range keys(containerRules) {
		if r := containerRules[key]; r.option == name && (r.kind == single || r.kind == boolean || r.kind == list) {
			return key + "=" + one(value), true
		} else if r.option == name && r.kind == words {
			return key + "=" + joined([]string{value}), true
		}
	}
	return "", false
}

func (d *described) set(key, value string) { d.lines = append(d.lines, key+"="+one(value)) }

// one writes a value in which nothing is special to systemd.
func one(value string) string { return Quote(Literal(value)) }

func joined(args []string) string {
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = one(arg)
	}
	return strings.Join(quoted, " ")
}

func (d *described) text(what string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[Unit]\nDescription=%s\n\n[Container]\n", Literal(strings.Map(printable, what)))
	slices.SortStableFunc(d.lines, func(x, y string) int {
		return strings.Compare(rank(x), rank(y))
	})
	for _, line := range d.lines {
		b.WriteString(line + "\n")
	}
	b.WriteString("\n[Service]\nRestart=" + restart(d.restart) + "\n")
	write(&b, d.service)
	b.WriteString("\n[Install]\nWantedBy=default.target\n")
	return b.String()
}

// rank puts the image first and the command last.
func rank(line string) string {
	key, _, _ := strings.Cut(line, "=")
	switch key {
	case "Image", "Rootfs":
		return "0"
	case "Exec":
		return "9"
	case "PodmanArgs":
		return "8"
	}
	return "1" + key
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '?'
	}
	return r
}

// restart is systemd's word for a restart policy.
func restart(policy string) string {
	switch name, _, _ := strings.Cut(policy, ":"); name {
	case "always", "unless-stopped":
		return "always"
	case "on-failure":
		return "on-failure"
	}
	return "no"
}
