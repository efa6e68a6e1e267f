// SPDX-License-Identifier: Apache-2.0

package run

import (
	"reflect"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/launch"
)

func TestHealthTest(t *testing.T) {
	for s, want := range map[string][]string{
		"":                            nil,
		"none":                        {"NONE"},
		"NONE":                        {"NONE"},
		"curl -f localhost || exit 1": {"CMD-SHELL", "curl -f localhost || exit 1"},
		`["curl","-f"]`:               {"CMD", "curl", "-f"},
		`["true"]`:                    {"CMD-SHELL", "true"},
		`["CMD","true"]`:              {"CMD", "true"},
		`["cmd-shell","a b"]`:         {"CMD-SHELL", "a b"},
		"CMD true now":                {"CMD", "true", "now"},
		"CMD-SHELL exit 1":            {"CMD-SHELL", "exit 1"},
		"[]":                          nil,
		"[ -e /ready ]":               {"CMD-SHELL", "[ -e /ready ]"},
	} {
		if got := parseTest(s); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestHealthOptions(t *testing.T) {
	if h := mustParse(t, "x").Health; h != nil {
		t.Errorf("without options: %+v", h)
	}
	got := mustParse(t, "--health-cmd", "true", "--health-interval", "1s", "--health-timeout=2s", "--health-retries=4",
		"--health-start-period", "5s", "--health-on-failure=kill", "x").Health
	want := &launch.HealthCheck{
		Test: []string{"CMD-SHELL", "true"}, Interval: time.Second, Timeout: 2 * time.Second, StartPeriod: 5 * time.Second,
		Retries: 4, OnFailure: "kill",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if h := mustParse(t, "--health-interval=disable", "x").Health; h == nil || h.Interval != launch.HealthManual || h.Test != nil {
		t.Errorf("disable: %+v", h)
	}
	startup := mustParse(t, "--health-startup-cmd", "true", "--health-startup-interval=disable", "--health-startup-timeout=2s",
		"--health-startup-retries=4", "--health-startup-success", "5", "x").Health.Startup
	if !reflect.DeepEqual(startup, &launch.StartupCheck{
		Test: []string{"CMD-SHELL", "true"}, Interval: launch.HealthManual, Timeout: 2 * time.Second, Retries: 4, Successes: 5,
	}) {
		t.Errorf("startup: %+v", startup)
	}
	if h := mustParse(t, "--no-healthcheck", "x").Health; h == nil || !reflect.DeepEqual(h.Test, []string{"NONE"}) {
		t.Errorf("none: %+v", h)
	}
	for _, args := range [][]string{
		{"--no-healthcheck", "--health-cmd=true"}, {"--health-cmd="}, {"--health-interval=soon"}, {"--health-interval=-1s"},
		{"--health-timeout=1ms"}, {"--health-retries=0"}, {"--health-retries=-1"}, {"--health-on-failure=cry"},
		{"--health-start-period=-1s"}, {"--health-startup-retries=1"},
		{"--health-startup-cmd=none"}, {"--health-startup-cmd="}, {"--health-startup-cmd=true", "--no-healthcheck"},
		{"--health-startup-cmd=true", "--health-startup-interval=soon"}, {"--health-startup-cmd=true", "--health-startup-timeout=1ms"},
	} {
		if _, err := parse(t, append(args, "x")...); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
