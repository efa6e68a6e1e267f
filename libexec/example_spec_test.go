// SPDX-License-Identifier: Apache-2.0

package libexec_test

import (
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/tug-containers/tug/libexec"
)

// A bundle for any OCI runtime: a root file system and its config.json.
func ExampleNewSpec() {
	bundle, err := os.MkdirTemp("", "bundle")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(bundle)
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		panic(err)
	}
	tree := filepath.Join(bundle, "tree") // here: the mounted layers of an image
	for name, content := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n",
		"bin/serve":  string(program),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(filepath.Join(tree, name), []byte(content), 0o755); err != nil {
			panic(err)
		}
	}
	image := &v1.ImageConfig{User: "web", Cmd: []string{"serve"}, Env: []string{"PORT=80"}}
	spec, err := libexec.NewSpec(tree, image, libexec.Options{
		ID: "0123456789ab", RunDir: bundle,
		Env:       []string{"PORT=8080"},
		Resources: libexec.Resources{Pids: 100},
	})
	if err != nil {
		panic(err)
	}
	data, err := libexec.EncodeSpec(spec)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), data, 0o600); err != nil {
		panic(err)
	}
	fmt.Println(spec.Process.User.UID, spec.Process.Args, spec.Process.Env)
	// Output: 33 [serve] [PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=oci HOME=/srv HOSTNAME=0123456789ab PORT=8080]
}
