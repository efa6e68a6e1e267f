// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"errors"
	"slices"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestBuildEnv(t *testing.T) {
	image := v1.ImageConfig{Env: []string{"PATH=/img", "A=image", "B=image", "EMPTY="}}
	for _, tc := range []struct {
		name string
		opts Options
		want []string
	}{
		{"image", Options{}, []string{"PATH=/img", "container=oci", "HOME=/h", "HOSTNAME=name", "A=image", "B=image", "EMPTY="}},
		{"terminal", Options{Terminal: true}, []string{"PATH=/img", "container=oci", "TERM=xterm", "HOME=/h", "HOSTNAME=name", "A=image", "B=image", "EMPTY="}},
		{"order", Options{HostEnv: []string{"A=host", "C=host"}, Env: []string{"B=opt", "B=last", "HOME=/x", "M=a\nb=c"}},
			[]string{"PATH=/img", "container=oci", "HOME=/x", "HOSTNAME=name", "A=image", "C=host", "B=last", "EMPTY=", "M=a\nb=c"}},
		{"unset", Options{UnsetEnv: []string{"A", "PATH", "none"}, Env: []string{"A=again"}}, []string{"container=oci", "HOME=/h", "HOSTNAME=name", "B=image", "EMPTY=", "A=again"}},
		{"unset all", Options{UnsetEnvAll: true, Env: []string{"Z=z"}}, []string{"Z=z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := buildEnv(&image, &tc.opts, "/h", "name")
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

// An entry without "=" has pulled in variables of the host (CVE-2026-57231).
func TestEnvRefused(t *testing.T) {
	t.Setenv("HOSTSECRET", "leaked")
	r := newRig(t).busybox()
	for _, entry := range []string{"HOSTSECRET", "*", "HOST*", "HOST*=x", "", "=x", "A=b\x00", "A\x00=b", "a\nb=c"} {
		if _, err := r.spec(v1.ImageConfig{Env: []string{entry}, Cmd: []string{"true"}}, Options{}); !errors.Is(err, ErrImageConfig) {
			t.Errorf("image entry %q: %v", entry, err)
		}
		if _, err := r.spec(sh("true"), Options{Env: []string{entry}}); !errors.Is(err, ErrOption) {
			t.Errorf("our entry %q: %v", entry, err)
		}
	}
	spec := r.mustSpec(sh("true"), Options{})
	if strings.Contains(strings.Join(spec.Process.Env, " "), "leaked") {
		t.Errorf("our environment reached the container: %q", spec.Process.Env)
	}
}
