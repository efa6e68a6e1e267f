// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec/monitor"
)

// health are the options of the health check.
type health struct {
	cmd, interval, timeout, startPeriod string
	retries                             uint
	onFailure                           string
	off                                 bool
	startup                             startup
}

// startup are the options of the startup check.
type startup struct {
	cmd, interval, timeout string
	retries, successes     uint
}

func (f *flags) registerHealth(s *pflag.FlagSet) {
	s.StringVar(&f.health.cmd, "health-cmd", "", "`COMMAND` that tells whether the container is well, for its shell or as a JSON array; none for no check (default: the image's)")
	s.StringVar(&f.health.interval, "health-interval", "", "`TIME` between two checks, or disable (default: the image's, else 30s)")
	s.StringVar(&f.health.timeout, "health-timeout", "", "`TIME` that a check may take (default: the image's, else 30s)")
	s.StringVar(&f.health.startPeriod, "health-start-period", "", "`TIME` from the start in which a failed check does not count (default: the image's, else 0s)")
	s.UintVar(&f.health.retries, "health-retries", 0, "`NUMBER` of failed checks in a row that make the container unhealthy (default: the image's, else 3)")
	s.StringVar(&f.health.onFailure, "health-on-failure", "none", "What happens then, an `ACTION`: none, kill, restart, stop")
	up := &f.health.startup
	s.StringVar(&up.cmd, "health-startup-cmd", "", "`COMMAND` to run in place of the health check until it has succeeded, as that of --health-cmd")
	s.StringVar(&up.interval, "health-startup-interval", "", "`TIME` between two of these checks, or disable (default: 30s)")
	s.StringVar(&up.timeout, "health-startup-timeout", "", "`TIME` that one of these checks may take (default: 30s)")
	s.UintVar(&up.retries, "health-startup-retries", 0, "`NUMBER` of these checks that fail in a row after which the container is started again; 0 is never")
	s.UintVar(&up.successes, "health-startup-success", 0, "`NUMBER` of these checks that must succeed in a row; 0 is one")
	s.BoolVar(&f.health.off, "no-healthcheck", false, "Run no health check, the image's neither")
}

// checks reads what is about the health check.
func (f *flags) checks(o *launch.Options, _ []string) (err error) {
	h := launch.HealthCheck{Test: parseTest(f.health.cmd)}
	if f.health.off {
		if f.set.Changed("health-cmd") {
			return cli.UsageError("--no-healthcheck", "--no-healthcheck and --health-cmd exclude each other")
		}
		h.Test = []string{launch.HealthNone}
	} else if f.set.Changed("health-cmd") && len(h.Test) == 0 {
		return cli.UsageError("--health-cmd", "--health-cmd %q: no command", f.health.cmd)
	}
	if f.health.interval == "disable" {
		h.Interval = launch.HealthManual
	} else if h.Interval, err = parseTime("--health-interval", f.health.interval, time.Millisecond); err != nil {
		return err
	}
	if h.Timeout, err = parseTime("--health-timeout", f.health.timeout, time.Second); err != nil {
		return err
	}
	if h.StartPeriod, err = parseTime("--health-start-period", f.health.startPeriod, 0); err != nil {
		return err
	}
	if f.set.Changed("health-retries") && (f.health.retries == 0 || f.health.retries > math.MaxInt32) {
		return cli.UsageError("--health-retries", "--health-retries %d: must be greater than 0", f.health.retries)
	}
	h.Retries = int(f.health.retries)
	switch f.health.onFailure {
	case monitor.HealthNone, monitor.HealthKill, monitor.HealthRestart, monitor.HealthStop:
	default:
		return cli.UsageError("--health-on-failure", "--health-on-failure %q: must be none, kill, restart or stop", f.health.onFailure)
	}
	if f.set.Changed("health-on-failure") {
		h.OnFailure = f.health.onFailure
	}
	if h.Startup, err = f.startup(); err != nil {
		return err
	}
	for _, name := range []string{
		"health-startup-cmd", "health-cmd", "health-interval", "health-timeout", "health-start-period", "health-retries", "health-on-failure", "no-healthcheck",
	} {
		if f.set.Changed(name) {
			o.Health = &h
		}
	}
	return nil
}

// startup reads what is about the startup check; nil when there is none.
func (f *flags) startup() (c *launch.StartupCheck, err error) {
	up := &f.health.startup
	if !f.set.Changed("health-startup-cmd") {
		for _, name := range []string{"interval", "timeout", "retries", "success"} {
			if flag := "--health-startup-" + name; f.set.Changed(flag[2:]) {
				return nil, cli.UsageError(flag, "%s: there is no --health-startup-cmd", flag)
			}
		}
		return nil, nil
	}
	c = &launch.StartupCheck{Test: parseTest(up.cmd), Retries: int(up.retries), Successes: int(up.successes)}
	switch {
	case len(c.Test) == 0 || c.Test[0] == launch.HealthNone:
		return nil, cli.UsageError("--health-startup-cmd", "--health-startup-cmd %q: no command", up.cmd)
	case f.health.off:
		return nil, cli.UsageError("--no-healthcheck", "--no-healthcheck and --health-startup-cmd exclude each other")
	case up.retries > math.MaxInt32 || up.successes > math.MaxInt32:
		return nil, cli.UsageError("--health-startup-retries", "--health-startup-retries %d, --health-startup-success %d: too many", up.retries, up.successes)
	}
	if up.interval == "disable" {
		c.Interval = launch.HealthManual
	} else if c.Interval, err = parseTime("--health-startup-interval", up.interval, time.Millisecond); err != nil {
		return nil, err
	}
	c.Timeout, err = parseTime("--health-startup-timeout", up.timeout, time.Second)
	return c, err
}

// parseTest reads a command, as podman does: NONE, CMD or CMD-SHELL and what
// follows, a JSON array, or else a line for the shell.
func parseTest(s string) []string {
	word, rest, _ := strings.Cut(strings.TrimSpace(s), " ")
	switch strings.ToUpper(word) {
	case "":
		return nil
	case launch.HealthNone:
		return []string{launch.HealthNone}
	case launch.HealthArgs:
		return append([]string{launch.HealthArgs}, strings.Fields(rest)...)
	case launch.HealthShell:
		return []string{launch.HealthShell, rest}
	}
	var args []string
	if json.Unmarshal([]byte(s), &args) != nil {
		return []string{launch.HealthShell, s}
	}
	if len(args) == 0 {
		return nil
	}
	switch strings.ToUpper(args[0]) {
	case launch.HealthNone, launch.HealthArgs, launch.HealthShell:
		args[0] = strings.ToUpper(args[0])
		return args
	}
	if len(args) == 1 {
		return []string{launch.HealthShell, args[0]}
	}
	return append([]string{launch.HealthArgs}, args...)
}

// parseTime reads a span of time, at least least; "" is 0, which leaves it open.
func parseTime(flag, s string, least time.Duration) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		return 0, cli.UsageError(flag, "%s %q: not a time as 30s or 1m30s", flag, s)
	}
	if t < least {
		return 0, cli.UsageError(flag, "%s %q: must be at least %s", flag, s, least)
	}
	return t, nil
}
