// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"errors"
	"strings"
	"testing"

	distribution "github.com/distribution/reference"
)

const (
	hexA    = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	digestA = "sha256:" + hexA
)

func TestParseReference(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want reference
	}{
		{"busybox", reference{path: "busybox"}},
		{"busybox:1.36", reference{path: "busybox", tag: "1.36"}},
		{"a/b/c:T_x.y-z", reference{path: "a/b/c", tag: "T_x.y-z"}},
		{"localhost/a", reference{domain: "localhost", path: "a"}},
		{"localhost:5000/a", reference{domain: "localhost:5000", path: "a"}},
		{"quay.io/a/b:1@" + digestA, reference{domain: "quay.io", path: "a/b", tag: "1", digest: digestA}},
		{"docker.io/busybox", reference{domain: "docker.io", path: "library/busybox"}},
		{"[::1]:5000/a", reference{domain: "[::1]:5000", path: "a"}},
		{"a__b/c--d/e.f", reference{path: "a__b/c--d/e.f"}},
	} {
		got, err := parseReference(tc.in)
		if err != nil || got != tc.want {
			t.Errorf("parseReference(%q) = %+v, %v; want %+v", tc.in, got, err, tc.want)
		}
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, in := range []string{
		"", ":", "@", "/", "a/", "/a", "a//b", "A", "a:", "a:.x", "a:-x", "a b", "a\nb", "-x", "--help", "..",
		"a..b", "a___b", "a@sha256:", "a@sha256:" + hexA[1:], "a@sha256:" + strings.ToUpper(hexA), "a@md5:" + hexA,
		"a@sha256:../../" + hexA[6:], "x.y:z/a", "-x.io/a", "[::1/a", "[::1]x/a", "a:" + strings.Repeat("t", 129),
		strings.Repeat("a", 256), "a:b:c", "a\x00b", "%n",
	} {
		if got, err := parseReference(in); !errors.Is(err, ErrInvalidName) {
			t.Errorf("parseReference(%q) = %+v, %v; want ErrInvalidName", in, got, err)
		}
	}
}

func TestReferenceStands(t *testing.T) {
	for _, tc := range []struct {
		short, full string
		want        bool
	}{
		{"busybox", "docker.io/library/busybox:latest", true},
		{"library/busybox", "docker.io/library/busybox:latest", true},
		{"busybox:1", "quay.io/x/busybox:1", true},
		{"box", "docker.io/library/busybox:latest", false},
		{"busybox:2", "quay.io/x/busybox:1", false},
		{"quay.io/busybox", "quay.io/x/busybox:latest", false},
	} {
		short, err := parseReference(tc.short)
		if err != nil {
			t.Fatal(err)
		}
		full, err := parseReference(tc.full)
		if err != nil {
			t.Fatal(err)
		}
		if got := short.stands(full); got != tc.want {
			t.Errorf("%s stands for %s: %v, want %v", tc.short, tc.full, got, tc.want)
		}
	}
}

// FuzzParseReference compares with the distribution project's parser: what we
// accept, it accepts, as the same name.
func FuzzParseReference(f *testing.F) {
	for _, s := range []string{"busybox", "a/b:c", "localhost:5000/x@" + digestA, "Host/a", "[::1]:1/a", "a__b--c.d", "docker.io/a", hexA} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseReference(s)
		if err != nil {
			return
		}
		want, err := distribution.Parse(s)
		if err != nil {
			t.Fatalf("parseReference accepts %q as %+v, distribution says %v", s, got, err)
		}
		if got.domain != "docker.io" && want.String() != got.String() {
			t.Fatalf("parseReference(%q) = %q, want %q", s, got, want)
		}
	})
}
