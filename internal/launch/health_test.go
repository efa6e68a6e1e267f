// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
)

func TestImageHealth(t *testing.T) {
	for raw, want := range map[string]*HealthCheck{
		`{"config":{}}`:                                      nil,
		`{"config":{"Healthcheck":null}}`:                    nil,
		`{"config":{"Healthcheck":{}}}`:                      nil,
		`{"config":{"Healthcheck":{"Test":[]}}}`:             nil,
		`{"config":{"Healthcheck":{"Test":["NONE"]}}}`:       nil,
		`{"config":{"Healthcheck":{"Test":["CMD"]}}}`:        nil,
		`{"config":{"Healthcheck":{"Test":[""]}}}`:           nil,
		`{"config":{"Healthcheck":{"Test":["CMD","true"]}}}`: {Test: []string{"CMD", "true"}},
		`{"config":{"Healthcheck":{"Test":["CMD-SHELL","a"],"Interval":-1,"Timeout":5,"StartPeriod":-7,"Retries":-2,"onFailure":"kill","startup":{"test":["CMD","x"]}}}}`: {
			Test: []string{"CMD-SHELL", "a"}, Timeout: 5,
		},
	} {
		if got, err := imageHealth([]byte(raw)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	if _, err := imageHealth([]byte(`{"config":{"Healthcheck":{"Test":7}}}`)); err == nil {
		t.Error("a test that is a number is accepted")
	}
}

func TestResolveHealth(t *testing.T) {
	image := &HealthCheck{Test: []string{"CMD-SHELL", "image"}, Interval: time.Minute, Retries: 5}
	usual := HealthCheck{Test: []string{"CMD", "x"}, Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3, OnFailure: "none"}
	for name, tc := range map[string]struct{ asked, image, want *HealthCheck }{
		"nothing": {},
		"refused": {&HealthCheck{Test: []string{"NONE"}}, image, nil},
		"the image's": {nil, image, &HealthCheck{
			Test: image.Test, Interval: time.Minute, Timeout: 30 * time.Second, Retries: 5, OnFailure: "none",
		}},
		"the image's, changed": {&HealthCheck{Interval: HealthManual, StartPeriod: time.Second, OnFailure: "kill"}, image, &HealthCheck{
			Test: image.Test, Interval: HealthManual, Timeout: 30 * time.Second, StartPeriod: time.Second, Retries: 5, OnFailure: "kill",
		}},
		"another": {&HealthCheck{Test: []string{"CMD", "x"}}, image, &usual},
		"own":     {&HealthCheck{Test: []string{"CMD", "x"}}, nil, &usual},
		"a start of its own": {&HealthCheck{Startup: &StartupCheck{Test: []string{"CMD", "y"}, Retries: 7}}, image, &HealthCheck{
			Test: image.Test, Interval: time.Minute, Timeout: 30 * time.Second, Retries: 5, OnFailure: "none",
			Startup: &StartupCheck{Test: []string{"CMD", "y"}, Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 7},
		}},
	} {
		if got, err := resolveHealth(tc.asked, tc.image); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := resolveHealth(&HealthCheck{Retries: 2}, nil); !errors.Is(err, errclass.Usage) {
		t.Errorf("retries of no check: %v", err)
	}
	// The image's own is as it was.
	if image.Timeout != 0 || image.OnFailure != "" {
		t.Errorf("image: %+v", image)
	}
}

func TestHealthCommand(t *testing.T) {
	for _, tc := range []struct{ test, want []string }{
		{[]string{"CMD", "a", "b"}, []string{"a", "b"}},
		{[]string{"CMD-SHELL", "a || b"}, []string{"/bin/sh", "-c", "a || b"}},
		{[]string{"a", "b"}, []string{"a", "b"}},
	} {
		if got := command(tc.test); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%q: %q", tc.test, got)
		}
	}
}
