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

// remoteFlags are those of the twin that this command only passes on; a test
// compares them with the twin's own.
func remoteFlags(f *pflag.FlagSet) {
	with := func(usage string) string { return usage + " (with a transport)" }
	only := pflag.NewFlagSet("", pflag.ContinueOnError)
	only.BoolP("no-tags", "n", false, with("Do not list the tags of the repository"))
	only.Bool("tls-verify", true, with("Require HTTPS and a valid certificate"))
	only.Bool("no-creds", false, with("Use no credentials"))
	for name, usage := range map[string]string{
		"authfile":        "`FILE` with the credentials of the registry",
		"creds":           "Credentials for the registry, `USER[:PASSWORD]`",
		"username":        "User `NAME` for the registry",
		"password":        "`PASSWORD` for the registry",
		"registry-token":  "Bearer `TOKEN` for the registry",
		"cert-dir":        "`DIR` with CA and client certificates",
		"platform":        "Platform to choose, `OS/ARCH[/VARIANT]`",
		"os":              "`OS` to choose",
		"arch":            "Architecture (`ARCH`) to choose",
		"variant":         "`VARIANT` of the architecture to choose",
		"retry-delay":     "Pause before trying again, a `DURATION`",
		"retry-times":     "How often (`N`) to try again after what may pass",
		"policy":          "`FILE` with the signature policy",
		"registries.d":    "`DIR` that says where signatures are",
		"registries-conf": "`FILE` with names, mirrors and settings of registries",
		"tmpdir":          "`DIR` for temporary files",
		"daemon-host":     "Docker daemon for docker-daemon:, a `URL`",
	} {
		only.String(name, "", with(usage))
	}
	only.StringArray("token-host", nil, with("`HOST` that may get the password for a token; can be repeated"))
	only.VisitAll(func(flag *pflag.Flag) { flag.Annotations = map[string][]string{remoteAnnotation: nil} })
	f.AddFlagSet(only)
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
