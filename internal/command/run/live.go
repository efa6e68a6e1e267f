// SPDX-License-Identifier: Apache-2.0

package run

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/limits"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
)

// live are the options of a container that outlives its command.
type live struct {
	detach, sigProxy bool
	detachKeys       string
	attach           []string
	restart          string
	logDriver        string
	logOpts          []string
	requires         []string
}

func (f *flags) registerLive(s *pflag.FlagSet) {
	s.StringVar(&f.live.restart, "restart", "no", "Start the container again when it ends: `POLICY` no, on-failure[:TIMES], always, unless-stopped")
	s.StringVar(&f.live.logDriver, "log-driver", "k8s-file", "Where output goes, a `DRIVER`: k8s-file, journald, passthrough, none")
	s.StringArrayVar(&f.live.logOpts, "log-opt", nil, "Log option, `NAME=VALUE`: path=, max-size=, max-file=, tag=; can be repeated")
	s.StringSliceVar(&f.live.requires, "requires", nil, "Start this `CONTAINER` first; can be repeated")
}

// registerAttach adds the options of a command that starts what it makes.
func (f *flags) registerAttach(s *pflag.FlagSet) {
	s.BoolVarP(&f.live.detach, "detach", "d", false, "Leave the container running, and print its ID")
	s.BoolVar(&f.live.sigProxy, "sig-proxy", true, "Pass signals on to the container")
	s.StringVar(&f.live.detachKeys, "detach-keys", libexec.DefaultDetachKeys, "`KEYS` that leave a container with a terminal running; empty for none")
	s.StringSliceVarP(&f.live.attach, "attach", "a", nil, "Attach to this `STREAM` alone: stdin, stdout, stderr; can be repeated")
}

// lives reads what is about the container's life.
func (f *flags) lives(o *launch.Options, _ []string) (err error) {
	if o.Restart, err = launch.ParseRestart(f.live.restart); err != nil {
		return err
	}
	if p := o.Restart.Policy; o.Remove && p != monitor.RestartNo && p != monitor.RestartOnFailure {
		return cli.UsageError("--restart", "--restart %q: with --rm only on-failure: a container that is always started again is never removed", f.live.restart)
	}
	if o.Log, err = parseLog(f.live.logDriver, f.live.logOpts); err != nil {
		return err
	}
	o.Requires, o.Detach = f.live.requires, f.live.detach
	if o.Detach && len(f.live.attach) > 0 {
		return cli.UsageError("--attach", "--attach: not together with --detach")
	}
	if given := f.set.Changed("detach-keys"); given || f.tty && !f.create {
		if o.DetachKeys, err = launch.DetachKeys(f.live.detachKeys, given); err != nil {
			return err
		}
	}
	return f.attachOnly(o)
}

// attachOnly leaves out the streams that were not named.
func (f *flags) attachOnly(o *launch.Options) error {
	if len(f.live.attach) == 0 {
		return nil
	}
	var names []string
	for _, name := range f.live.attach {
		name = strings.ToLower(name)
		if name != "stdin" && name != "stdout" && name != "stderr" {
			return cli.UsageError("--attach", "--attach %q: must be stdin, stdout or stderr", name)
		}
		names = append(names, name)
	}
	if !slices.Contains(names, "stdin") {
		o.Stdio.In = nil
	}
	if !slices.Contains(names, "stdout") {
		o.Stdio.Out = nil
	}
	if !slices.Contains(names, "stderr") {
		o.Stdio.Err = nil
	}
	return nil
}

// parseLog reads the log driver and its options. Names of podman's and docker's
// drivers that write a file are taken for ours.
func parseLog(driver string, opts []string) (monitor.Log, error) {
	var log monitor.Log
	switch driver {
	case "k8s-file", "json-file", "file", "":
		log.Driver = monitor.LogFile
	case monitor.LogJournald, monitor.LogPassthrough, monitor.LogNone:
		log.Driver = driver
	default:
		return log, cli.UsageError("--log-driver", "--log-driver %q: must be k8s-file, journald, passthrough or none", driver)
	}
	for _, opt := range opts {
		name, value, found := strings.Cut(opt, "=")
		if !found || value == "" {
			return log, cli.UsageError("--log-opt", "--log-opt %q: not NAME=VALUE", opt)
		}
		var err error
		switch {
		case name == "tag" && log.Driver == monitor.LogJournald:
			log.Tag = value
		case log.Driver != monitor.LogFile:
			err = cli.UsageError("--log-opt", "--log-opt %q: not an option of %s", opt, driver)
		case name == "path":
			log.Path, err = filepath.Abs(value)
		case name == "max-size":
			log.MaxSize = -1 // no limit
			if value != "-1" {
				log.MaxSize, err = limits.ParseSize("--log-opt", value)
			}
		case name == "max-file":
			if log.MaxFiles, err = strconv.Atoi(value); err != nil || log.MaxFiles < 1 || log.MaxFiles > 1000 {
				err = cli.UsageError("--log-opt", "--log-opt %q: not a number of files", opt)
			}
		default:
			err = cli.UsageError("--log-opt", "--log-opt %q: must be path=, max-size=, max-file= or tag=", opt)
		}
		if err != nil {
			return log, err
		}
	}
	return log, nil
}
