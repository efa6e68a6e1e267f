// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/errclass"
)

// twin is the program that inspects what is elsewhere.
const twin = "tug-inspect-remote"

const remoteAnnotation = "tug.remote"

// remoteFlags are those of the twin that this command only passes on.
func remoteFlags(f *pflag.FlagSet) {
	const with = " (image with a transport)"
	names := []string{"no-tags", "tls-verify", "no-creds", "authfile", "creds", "username", "password", "registry-token", "cert-dir", "platform", "os", "arch", "variant", "retry-times", "retry-delay", "policy"}
	f.BoolP("no-tags", "n", false, "Do not list the tags of the repository"+with)
	f.Bool("tls-verify", true, "Require HTTPS and verify certificates"+with)
	f.Bool("no-creds", false, "Access the registry anonymously"+with)
	f.String("authfile", "", "Path of the file with credentials"+with)
	f.String("creds", "", "USERNAME[:PASSWORD] for the registry"+with)
	f.String("username", "", "User name for the registry"+with)
	f.String("password", "", "Password for the registry"+with)
	f.String("registry-token", "", "Bearer token for the registry"+with)
	f.String("cert-dir", "", "Directory with certificates (*.crt, *.cert, *.key)"+with)
	f.String("platform", "", "OS/ARCH[/VARIANT] to choose from an index"+with)
	f.String("os", "", "OS to choose from an index"+with)
	f.String("arch", "", "Architecture to choose from an index"+with)
	f.String("variant", "", "Variant of the architecture to choose from an index"+with)
	f.Int("retry-times", 0, "Number of retries"+with)
	f.String("retry-delay", "", "Delay between retries"+with)
	f.String("policy", "", "Path of the signature policy"+with)
	for _, name := range names {
		f.Lookup(name).Annotations = map[string][]string{remoteAnnotation: nil}
	}
}

// remoteFlag names a flag that was set and only the twin knows.
func remoteFlag(cmd *cobra.Command) string {
	name := ""
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if _, ok := f.Annotations[remoteAnnotation]; ok && name == "" {
			name = f.Name
		}
	})
	return name
}

// hasTransport tells a reference as skopeo writes it from a name in the store.
func hasTransport(arg string) bool {
	transport, rest, ok := strings.Cut(arg, ":")
	if !ok {
		return false
	}
	if transport == "docker" {
		return strings.HasPrefix(rest, "//")
	}
	return slices.Contains([]string{
		"atomic", "containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree", "sif", "tarball",
	}, transport)
}

// execTwin becomes the twin, with the flags that were set.
func execTwin(cmd *cobra.Command, args []string, exec become) error {
	path, err := findTwin()
	if err != nil {
		return errclass.New(errclass.Unsupported, args[0], fmt.Errorf("%s: %w: it inspects images with a transport", args[0], err))
	}
	argv := []string{twin}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			argv = append(argv, "--"+f.Name+"="+value)
		}
	})
	argv = append(append(argv, "--"), args...)
	return fmt.Errorf("%s: %w", path, exec(path, argv, environ()))
}

// findTwin looks beside this program, then in PATH.
func findTwin() (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), twin)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	path, err := exec.LookPath(twin)
	if err != nil {
		return "", errors.New(twin + " is not installed")
	}
	return path, nil
}
