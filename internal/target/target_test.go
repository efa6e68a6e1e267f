// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/storetest"
	"github.com/tug-containers/tug/libstorage"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// three makes a container called one, which has ended with 3, and two others.
func three(t *testing.T) (store *libstorage.Store, ids map[string]string) {
	storetest.NeedRoot(t)
	store = storetest.Open(t, libstorage.Options{})
	image := storetest.Add(t, store, storetest.Busybox("localhost/a:1"))
	ids = map[string]string{}
	for _, name := range []string{"one", "two", "three"} {
		c, err := store.CreateContainer(t.Context(), libstorage.ContainerOptions{
			Name: name, ImageID: image, ImageName: "localhost/a:1", Labels: map[string]string{"n": name, "all": ""},
			Config: []byte(`{"restart":{"policy":"always"},"exec":{"mounts":[{"source":"/src","destination":"/dst"}]}}`),
		})
		if err == nil && name == "one" {
			err = c.Update(func(r *libstorage.Record) { r.Exit(3) })
		}
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = c.ID()
		if err := errors.Join(c.Ready(t.Context()), c.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return store, ids
}

func names(targets []Target) string {
	var all []string
	for _, t := range targets {
		name := t.Info.Record.Name
		if t.Err != nil {
			name = "!" + t.Name
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestTargets(t *testing.T) {
	store, ids := three(t)
	file := filepath.Join(t.TempDir(), "cid")
	if err := os.WriteFile(file, []byte(ids["two"]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		s    Selection
		args string
		want string
	}{
		{Selection{}, "three one", "three one"},
		{Selection{}, "nope one", "!nope one"},
		{Selection{Ignore: true}, "nope one", "one"},
		{Selection{}, ids["two"][:12], "two"},
		{Selection{CIDFiles: []string{file}}, "one", "one two"},
		{Selection{CIDFiles: []string{file + ".gone"}, Ignore: true}, "", ""},
		{Selection{All: true}, "", "one two three"},
		{Selection{Latest: true}, "", "three"},
		{Selection{Filters: []string{"name=^t", "label=all", "label=n=two"}}, "", "two"},
		{Selection{Filters: []string{"name=one", "name=two"}}, "", "one two"},
		{Selection{Filters: []string{"label!=n=two"}}, "", "one three"},
		{Selection{Filters: []string{"status=created"}}, "", "two three"},
		{Selection{Filters: []string{"status=exited"}}, "", "one"},
		{Selection{Filters: []string{"status=running"}}, "", ""},
		{Selection{Filters: []string{"exited=3"}}, "", "one"},
		{Selection{Filters: []string{"id=" + ids["three"][:20]}}, "", "three"},
		{Selection{Filters: []string{"before=two"}}, "", "one"},
		{Selection{Filters: []string{"since=two"}}, "", "three"},
		{Selection{Filters: []string{"until=1h"}}, "", ""},
		{Selection{Filters: []string{"ancestor=a:1"}}, "", "one two three"},
		{Selection{Filters: []string{"ancestor=b"}}, "", ""},
		{Selection{Filters: []string{"health=none", "restart-policy=always", "volume=/src"}}, "", "one two three"},
		{Selection{Filters: []string{"volume=/other"}}, "", ""},
	} {
		args := strings.Fields(tc.args)
		if err := tc.s.Check(args); err != nil {
			t.Errorf("%+v %q: %v", tc.s, args, err)
		}
		targets, err := tc.s.Targets(t.Context(), store, args)
		if got := names(targets); err != nil || got != tc.want {
			t.Errorf("%+v %q: %q, %v; want %q", tc.s, args, got, err, tc.want)
		}
	}
	if _, err := (&Selection{Filters: []string{"since=nope"}}).Targets(t.Context(), store, nil); !errors.Is(err, libstorage.ErrContainerUnknown) {
		t.Errorf("since=nope: %v", err)
	}
	if _, err := (&Selection{CIDFiles: []string{file + ".gone"}}).Targets(t.Context(), store, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestLatestOfNone(t *testing.T) {
	storetest.NeedRoot(t)
	store := storetest.Open(t, libstorage.Options{})
	if _, err := (&Selection{Latest: true}).Targets(t.Context(), store, nil); !errors.Is(err, libstorage.ErrContainerUnknown) {
		t.Error(err)
	}
	if targets, err := (&Selection{Latest: true, Ignore: true}).Targets(t.Context(), store, nil); err != nil || len(targets) != 0 {
		t.Error(targets, err)
	}
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		s    Selection
		args []string
	}{
		{Selection{}, nil}, {Selection{Ignore: true}, nil},
		{Selection{All: true}, []string{"x"}}, {Selection{Latest: true}, []string{"x"}}, {Selection{All: true, Latest: true}, nil},
		{Selection{Filters: []string{"name=x"}}, []string{"x"}}, {Selection{All: true, CIDFiles: []string{"x"}}, nil},
		{Selection{Filters: []string{"name"}}, nil}, {Selection{Filters: []string{"foo=x"}}, nil}, {Selection{Filters: []string{"name=["}}, nil},
		{Selection{Filters: []string{"status=x"}}, nil}, {Selection{Filters: []string{"exited=x"}}, nil}, {Selection{Filters: []string{"until=x"}}, nil},
		{Selection{Filters: []string{"health=x"}}, nil},
	} {
		if err := tc.s.Check(tc.args); err == nil {
			t.Errorf("%+v %q is accepted", tc.s, tc.args)
		}
	}
}

func TestEach(t *testing.T) {
	var targets []Target
	for i := range 100 {
		name := fmt.Sprint(i)
		targets = append(targets, Target{Name: name, Result: name, Info: libstorage.ContainerInfo{Record: libstorage.Record{ID: name}}})
	}
	again := targets[4]
	again.Name = "again"
	targets = append(targets, again, Target{Name: "gone", Result: "gone", Err: libstorage.ErrContainerUnknown})
	var stdout, stderr bytes.Buffer
	var errs []error
	calls := make(chan string, len(targets))
	cmd := &cobra.Command{Use: "x", RunE: func(cmd *cobra.Command, _ []string) error {
		errs = Each(cmd, targets, func(_ context.Context, t *Target) error {
			calls <- t.Name
			if len(t.Name) == 1 { // the first ones are the last to be done
				time.Sleep(10 * time.Millisecond)
			}
			if t.Name == "7" {
				return errors.New("seven")
			}
			if t.Name == "8" {
				t.Result = ""
			}
			return t.Err
		})
		return Failure(cmd, errs, func(err error) int {
			if errors.Is(err, libstorage.ErrContainerUnknown) {
				return 1
			}
			return 0
		})
	}}
	cli.AddGlobals(cmd)
	code := cli.Run(t.Context(), cmd, nil, &stdout, &stderr)
	var want []string
	for _, target := range targets[:101] {
		if target.Name != "7" && target.Name != "8" {
			want = append(want, target.Name)
		}
	}
	if got := strings.Fields(stdout.String()); !slices.Equal(got, want) {
		t.Errorf("stdout %q", got)
	}
	if code != 125 || stderr.String() != "Error: seven\nError: no such container\n" {
		t.Errorf("code %d, stderr %q", code, stderr.String())
	}
	if len(calls) != 101 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestSeconds(t *testing.T) {
	var s Seconds
	for text, want := range map[string]time.Duration{"0": 0, "10": 10 * time.Second, "-1": -time.Second} {
		if err := s.Set(text); err != nil || *s.Limit != want || s.String() != text {
			t.Errorf("%s: %v, %v", text, s.Limit, err)
		}
	}
	for _, text := range []string{"", "-2", "1s", "1.5", "99999999999999999999", "5000000000"} {
		if err := s.Set(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}
