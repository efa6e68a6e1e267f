// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/manifest"
)

const (
	sum   = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	desc  = `{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"` + sum + `","size":1}`
	confd = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + sum + `","size":1}`
	good  = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":` + confd + `,"layers":[` + desc + `]}`
	index = `{"schemaVersion":2,"manifests":[` + desc + `]}`
)

func TestCheckManifest(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 10000) + "1" + strings.Repeat("}", 10000)
	for name, tc := range map[string]struct {
		raw, served string
		want        error
	}{
		"image":                    {good, imgspec.MediaTypeImageManifest, nil},
		"served as nothing known":  {good, "application/octet-stream", nil},
		"with a charset":           {good, "application/vnd.oci.image.manifest.v1+json; charset=utf-8", nil},
		"index":                    {index, imgspec.MediaTypeImageIndex, nil},
		"unknown fields":           {strings.Replace(good, "{", `{"x":{"y":[1,2,{}]},`, 1), "", nil},
		"both":                     {strings.Replace(good, "{", `{"manifests":[],`, 1), "", ErrManifest},
		"config and manifests":     {strings.Replace(index, "{", `{"config":`+confd+`,`, 1), "", ErrManifest},
		"served as a list":         {good, imgspec.MediaTypeImageIndex, ErrManifest},
		"index served as an image": {index, imgspec.MediaTypeImageManifest, ErrManifest},
		"served as docker":         {good, manifest.DockerV2Schema2MediaType, ErrManifest},
		"key twice":                {strings.Replace(good, "{", `{"layers":[],`, 1), "", ErrManifest},
		"key twice in other case":  {strings.Replace(good, "{", `{"Layers":[],`, 1), "", ErrManifest},
		"key twice inside":         {strings.ReplaceAll(good, `"size":1`, `"size":1,"size":2`), "", ErrManifest},
		"nested deep":              {deep, "", ErrManifest},
		"null layers":              {strings.Replace(good, `[`+desc+`]`, "null", 1), "", ErrNotImage},
		"layers an object":         {strings.Replace(good, `[`+desc+`]`, "{}", 1), "", ErrManifest},
		"no config":                {`{"schemaVersion":2,"layers":[]}`, "", ErrManifest},
		"NaN":                      {strings.Replace(good, `"size":1`, `"size":NaN`, 1), "", ErrManifest},
		"size 2^63":                {strings.Replace(good, `"size":1`, `"size":9223372036854775808`, 1), "", ErrManifest},
		"size 2^63-1":              {strings.Replace(good, `"size":1`, `"size":9223372036854775807`, 1), "", ErrManifest},
		"size negative":            {strings.Replace(good, `"size":1`, `"size":-1`, 1), "", ErrManifest},
		"size a float":             {strings.Replace(good, `"size":1`, `"size":1.5`, 1), "", ErrManifest},
		"size a string":            {strings.Replace(good, `"size":1`, `"size":"one"`, 1), "", ErrManifest},
		"two sizes":                {strings.Replace(good, `"size":1}]`, `"size":2}]`, 1), "", ErrManifest},
		"config of 5 MiB":          {strings.ReplaceAll(good, `"size":1`, `"size":5242880`), "", ErrManifest},
		"data is something else":   {strings.Replace(good, `"size":1}]`, `"size":1,"data":"eA=="}]`, 1), "", ErrManifest},
		"schema 1":                 {`{"schemaVersion":1,"name":"x","fsLayers":[]}`, "", ErrNotImage},
		"an array":                 {`[]`, "", ErrNotImage},
		"a web page":               {`<!DOCTYPE html>`, "text/html", ErrNotImage},
		"nothing":                  {``, "", ErrNotImage},
		"cut":                      {good[:len(good)-10], "", ErrManifest},
		"more after it":            {good + "{}", "", ErrManifest},
		"neither":                  {`{"schemaVersion":2}`, "", ErrNotImage},
		"version 3":                {strings.Replace(good, `:2`, `:3`, 1), "", ErrManifest},
		"too many layers":          {strings.Replace(good, desc, desc+strings.Repeat(","+desc, maxLayers), 1), "", ErrManifest},
		"huge":                     {good[:len(good)-1] + `,"x":"` + strings.Repeat("x", maxManifest) + `"}`, "", ErrManifest},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := checkManifest("name", []byte(tc.raw), tc.served)
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if err != nil && (strings.ContainsRune(err.Error(), '\n') || !strings.Contains(err.Error(), "name") || len(err.Error()) > 400) {
				t.Errorf("not one short line: %q", err)
			}
		})
	}
}

// badDigests are digests that must not get into a path or a URL.
func badDigests() []string {
	return []string{
		"sha256:../../etc/passwd", "sha256:" + strings.Repeat("a", 63), "sha256:" + strings.Repeat("A", 64), sum + "\x00", sum + "\n",
		"sha256:" + strings.Repeat("a", 1<<20), "md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"sha256", "", ":", "sha512:" + strings.Repeat("a", 64), "SHA256:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("g", 64),
		"sha256+b64:" + strings.Repeat("a", 64), "sha256:" + strings.Repeat("a", 32) + "/" + strings.Repeat("a", 31),
	}
}

func TestDigests(t *testing.T) {
	for _, d := range badDigests() {
		if err := checkDigest(digest.Digest(d)); err == nil {
			t.Errorf("%.80q is accepted", d)
		}
		if _, err := parseNamed("127.0.0.1/app@" + d); !errors.Is(err, ErrReference) {
			t.Errorf("in a reference: %.80q: %.200v", d, err)
		}
		raw := strings.ReplaceAll(good, sum, strings.ReplaceAll(fmt.Sprintf("%q", d)[1:len(fmt.Sprintf("%q", d))-1], `\x`, `\u00`))
		if _, err := checkManifest("name", []byte(raw), ""); !errors.Is(err, ErrManifest) || !errors.Is(err, errclass.Verification) {
			t.Errorf("in a descriptor: %.80q: %.200v", d, err)
		}
	}
	for _, d := range []string{sum, "sha512:" + strings.Repeat("0", 128)} {
		if err := checkDigest(digest.Digest(d)); err != nil {
			t.Error(err)
		}
	}
}

func FuzzManifest(f *testing.F) {
	for _, s := range []string{good, index, `{"schemaVersion":2,"layers":[]}`, `{"a":[{}],"a":1}`, "[", "\xff", `{"schemaVersion":1}`} {
		f.Add([]byte(s), imgspec.MediaTypeImageManifest)
	}
	f.Fuzz(func(t *testing.T, raw []byte, served string) {
		s, err := checkManifest("name", raw, served)
		if err != nil {
			if class, object := errclass.Of(err); object != "name" || (class != errclass.Verification && class != errclass.Unsupported) {
				t.Errorf("class %s of %q: %v", class, object, err)
			}
			return
		}
		for d, size := range s.blobs {
			if checkDigest(d) != nil || size < 0 {
				t.Errorf("accepted %q %d", d, size)
			}
		}
	})
}

func FuzzReference(f *testing.F) {
	for _, s := range append(badDigests(), "busybox", "docker.io/library/busybox:latest", "a/b@"+sum, "localhost:5000/x:y@"+sum,
		"docker://x", "oci:/tmp/x:y", "dir:", "containers-storage:[vfs@/x+/y:a=b]z", "UPPER", "a//b", "[::1]:5000/x", "x:y:z") {
		if len(s) < 200 {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, name string) {
		named, err := parseNamed(name)
		if err == nil {
			if strings.Contains(named.String(), "..") && !strings.Contains(name, "..") {
				t.Errorf("%q became %q", name, named)
			}
			if again, err := parseNamed(named.String()); err != nil || again.String() != named.String() {
				t.Errorf("%q: %v is not stable: %v", name, named, err)
			}
		} else if !errors.Is(err, errclass.Usage) {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := parse(name, nil); err != nil && !errors.Is(err, ErrReference) {
			t.Errorf("%q: %v", name, err)
		}
		isShort(name)
		if repo, suffix := splitShort(name); repo+suffix != name {
			t.Errorf("%q is split into %q and %q", name, repo, suffix)
		}
	})
}

func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"user:password", "user", ":x", "a:b:c", "", "a\nb:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		user, password, err := splitCredentials(s)
		if err != nil {
			return
		}
		if user == "" || strings.ContainsAny(user+password, "\r\n\x00") || (user+":"+password != s && user != s) {
			t.Errorf("%q gave %q and %q", s, user, password)
		}
	})
}

// FuzzAuthFile feeds a file of credentials to what reads and edits it.
func FuzzAuthFile(f *testing.F) {
	for _, s := range []string{`{"auths":{"a.example":{"auth":"dTpw"}}}`, `{}`, `{"auths":null}`, `{"credHelpers":{"a.example":"no-such"}}`, "[]", "\x00", `{"auths":{"a.example":{"auth":"!"}}}`} {
		f.Add([]byte(s))
	}
	path := f.TempDir() + "/auth.json"
	f.Fuzz(func(t *testing.T, content []byte) {
		if strings.Contains(strings.ToLower(string(content)), "cred") {
			return // a helper is a program
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		access := Access{AuthFile: path}
		_, err := LoggedIn(t.Context(), "a.example", access)
		if errors.Is(err, ErrNotLoggedIn) {
			err = nil
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("not one line: %q", err)
		}
		if err := Logout(t.Context(), "a.example", access); err == nil {
			if _, err := LoggedIn(t.Context(), "a.example", access); !errors.Is(err, ErrNotLoggedIn) {
				t.Errorf("logged out, but: %v", err)
			}
		}
	})
}
