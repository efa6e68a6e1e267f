// SPDX-License-Identifier: Apache-2.0

package run

import (
	"testing"

	"github.com/tug-containers/tug/libexec/monitor"
)

func TestOptionsLive(t *testing.T) {
	o := mustParse(t, "-d", "--restart=on-failure:3", "--log-opt", "max-size=1m", "--log-opt", "max-file=3", "--log-opt", "path=/x/log", "--requires", "a,b", "x")
	if !o.Detach || o.Restart != (monitor.Restart{Policy: "on-failure", Max: 3}) || len(o.Requires) != 2 {
		t.Errorf("%+v", o.Config)
	}
	if want := (monitor.Log{Driver: "file", Path: "/x/log", MaxSize: 1 << 20, MaxFiles: 3}); o.Log.Driver != want.Driver ||
		o.Log.Path != want.Path || o.Log.MaxSize != want.MaxSize || o.Log.MaxFiles != want.MaxFiles {
		t.Errorf("log %+v", o.Log)
	}
	if o := mustParse(t, "-a", "stderr", "x"); o.Stdio.In != nil || o.Stdio.Out != nil || o.Stdio.Err == nil {
		t.Errorf("attached to %+v", o.Stdio)
	}
	if o := mustParse(t, "--log-driver=json-file", "--log-opt=max-size=-1", "x"); o.Log.MaxSize >= 0 {
		t.Errorf("log %+v", o.Log)
	}
	if o := mustParse(t, "--detach-keys=", "-t", "--rm", "x"); len(o.DetachKeys) != 0 {
		t.Errorf("keys %q", o.DetachKeys)
	}
	for _, args := range [][]string{
		{"--restart=never", "x"}, {"--restart=always:3", "x"}, {"--restart=on-failure:-1", "x"}, {"--restart=on-failure:x", "x"},
		{"--rm", "--restart=always", "x"}, {"--log-driver=syslog", "x"}, {"--log-opt=path", "x"}, {"--log-opt=color=red", "x"},
		{"--log-driver=none", "--log-opt=path=/x", "x"}, {"--log-opt=max-file=0", "x"}, {"-a", "stdlog", "x"}, {"-d", "-a", "stdin", "x"},
		{"--detach-keys=ctrl-", "x"},
	} {
		if o, err := parse(t, args...); err == nil {
			t.Errorf("%q is accepted: %+v", args, o)
		}
	}
}
