// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	in := strings.Join([]string{
		`{"Action":"pass","Package":"a","Test":"TestOne"}`,
		`{"Action":"output","Package":"a","Test":"TestTwo","Output":"=== RUN   TestTwo\n"}`,
		`{"Action":"output","Package":"a","Test":"TestTwo","Output":"    a_test.go:3: needs root\n"}`,
		`{"Action":"output","Package":"a","Test":"TestTwo","Output":"--- SKIP: TestTwo (0.00s)\n"}`,
		`{"Action":"skip","Package":"a","Test":"TestTwo"}`,
		`{"Action":"pass","Package":"a","Elapsed":0.1}`,
		`{"Action":"output","Package":"b","Test":"TestHang","Output":"waiting\n"}`,
		`{"Action":"fail","Package":"b"}`,
		`{"Action":"pass","Package":"s","Test":"TestStories/crun/run_basic"}`,
		`{"Action":"pass","Package":"s","Test":"TestUserStories/crun/run_basic"}`,
		`{"Action":"pass","Package":"s","Test":"TestUserStories/runc/run_basic"}`,
		`{"Action":"fail","Package":"d","Test":"TestWrong"}`,
		`{"Action":"fail","Package":"d"}`,
		`{"Action":"build-output","ImportPath":"c","Output":"c.go:1: syntax error\n"}`,
		`{"Action":"build-fail","ImportPath":"c"}`,
	}, "\n")
	var out strings.Builder
	total := &tally{}
	if err := total.read(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	total.close(&out)
	for _, want := range []string{
		"ok   a (0.1 s)", "b TestHang did not end:\nwaiting", "c.go:1: syntax error",
		"skipped:\n  a TestTwo: needs root\n", "\n4 passed, 3 failed, 1 skipped\nof them passed 1 stories as root, and 2 as an ordinary user\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestPhases(t *testing.T) {
	for name, want := range map[string]string{
		"m/libstorage": "unit", "m/test/script": "script", "m/test/hostile": "hostile", "m/test/faults": "faults",
		"m/test/registry/hostile": "unit",
	} {
		if got := belongs(name); got != want {
			t.Errorf("%s belongs to %s, want %s", name, got, want)
		}
	}
}
