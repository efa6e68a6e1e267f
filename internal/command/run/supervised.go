// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/internal/sdnotify"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
)

// supervised are the options of a container that is a service.
type supervised struct {
	on     bool
	notify string
}

func (f *flags) registerSupervised(s *pflag.FlagSet) {
	s.BoolVar(&f.supervised.on, "supervised", false, "Become the service that this is run by: start the container, tell the manager its process, and leave")
	s.StringVar(&f.supervised.notify, "sdnotify", launch.NotifyConmon, "With --supervised, who tells the manager that the service is ready, a `MODE`: conmon, container, healthy, ignore")
}

// service reads what is about the service manager.
func (f *flags) service(o *launch.Options, _ []string) error {
	s := &f.supervised
	if f.create {
		return nil // what is only made is no service yet
	}
	switch s.notify {
	case launch.NotifyConmon, launch.NotifyContainer, launch.NotifyHealthy, launch.NotifyIgnore:
	default:
		return cli.UsageError("--sdnotify", "--sdnotify %q: must be conmon, container, healthy or ignore", s.notify)
	}
	if !s.on {
		asked := f.set.Changed("sdnotify") && s.notify != launch.NotifyIgnore && os.Getenv(sdnotify.Env) != ""
		if !asked {
			return nil
		}
		if f.cgroups != libexec.CgroupsSplit {
			return unsupported("--sdnotify", "--sdnotify %s: needs --supervised, or --cgroups=split", s.notify)
		}
	}
	switch {
	case f.set.Changed("cgroups") && f.cgroups == libexec.CgroupsEnabled:
		return cli.UsageError("--cgroups", "--cgroups enabled: not together with --supervised: the container is in the unit's cgroup")
	case f.tty:
		return cli.UsageError("--supervised", "--supervised: not together with --tty: nobody stays to hold the terminal")
	case o.Restart.Policy != monitor.RestartNo && o.Restart.Policy != "":
		return cli.UsageError("--restart", "--restart %s: not together with --supervised: Restart= of the unit says it", f.live.restart)
	case f.set.Changed("log-driver") && o.Log.Driver != monitor.LogPassthrough && o.Log.Driver != monitor.LogJournald:
		return cli.UsageError("--log-driver", "--log-driver %s: not together with --supervised: output goes where the unit's goes", f.live.logDriver)
	case o.Timeout != 0:
		return cli.UsageError("--timeout", "--timeout: not together with --supervised: RuntimeMaxSec= of the unit says it")
	}
	service, err := launch.FindService()
	if err != nil {
		return err
	}
	service.Notify = s.notify
	service.Watched = s.notify == launch.NotifyHealthy || o.Health != nil && !f.health.off
	o.Service, o.Log = service, monitor.Log{Driver: monitor.LogPassthrough}
	return nil
}
