// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/tug-containers/tug/libexec"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/signature"
	"go.podman.io/storage/pkg/configfile"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

// files are those that the libraries read, by their own code.
func (v *View) files(name, extension, environment string) ([]string, error) {
	var files []string
	for item, err := range configfile.Read(&configfile.File{
		Name: name, Extension: extension, EnvironmentName: environment, UserId: v.uid,
		DoNotLoadDropInFiles: extension == "json",
	}) {
		if err != nil {
			return files, err
		}
		files = append(files, item.Name)
		if _, err := io.Copy(io.Discard, item.Reader); err != nil {
			return files, err
		}
		if extension == "json" {
			break // the first one is the only one
		}
	}
	return files, nil
}

// trusted looks whether anybody else can write a file.
func (v *View) trusted(file string) (Finding, bool) {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		return broken("", "%s: %v", file, err), false
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFCHR: // /dev/null stands for no file
	case st.Uid != 0 && int(st.Uid) != v.uid:
		return broken(v.sudo("chown root %s", quote(file)), "%s belongs to the user %d, who can change it", file, st.Uid), false
	case st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0 && int(st.Uid) != v.uid:
		return broken(v.ownerOf(st.Uid, "chmod go-w %s", quote(file)), "%s can be written by others (mode %04o)", file, st.Mode&0o7777), false
	}
	return Finding{}, true
}

// ownerOf is a command that the owner of a file may run.
func (v *View) ownerOf(uid uint32, format string, args ...any) string {
	if int(uid) == v.uid {
		return fmt.Sprintf(format, args...)
	}
	return v.sudo(format, args...)
}

// readable looks at all files of a kind, and finds those that are TOML to be so.
func (v *View) readable(files []string, table bool) (Finding, bool) {
	for _, file := range files {
		if f, good := v.trusted(file); !good {
			return f, false
		}
		if !table {
			continue
		}
		var any map[string]any
		if _, err := toml.DecodeFile(file, &any); err != nil {
			return broken("${EDITOR:-vi} "+quote(file), "%s: %s", file, oneLine(err)), false
		}
	}
	return Finding{}, true
}

func named(files []string) string {
	if len(files) == 0 {
		return "none: the built-in defaults"
	}
	return strings.Join(files, ", ")
}

func storageConf(_ context.Context, v *View) Finding {
	files, err := v.files("storage", "conf", "CONTAINERS_STORAGE_CONF")
	if f, good := v.readable(files, true); !good {
		return f
	}
	if err != nil {
		return broken("", "%s", oneLine(err))
	}
	conf, err := types.DefaultStoreOptions()
	if err != nil {
		return broken("", "%s: %s", named(files), oneLine(err))
	}
	for _, option := range conf.GraphDriverOptions {
		key, value, _ := strings.Cut(option, "=")
		switch key[strings.LastIndexByte(key, '.')+1:] {
		case "mount_program":
			if unix.Access(value, unix.X_OK) != nil {
				return broken(v.install(packages{"fuse-overlayfs", "fuse-overlayfs", "fuse-overlayfs", "fuse-overlayfs", "fuse-overlayfs"}),
					"%s: mount_program %s cannot be run", named(files), value)
			}
		case "ignore_chown_errors":
			if value == "true" {
				return limited("", "%s: ignore_chown_errors is set: files of images belong to whom they do not", named(files))
			}
		case "force_mask":
			return limited("", "%s: force_mask is set: others can read the files of images", named(files))
		}
	}
	return ok("%s", named(files))
}

func registriesConf(_ context.Context, v *View) Finding {
	files, err := v.files("registries", "conf", "CONTAINERS_REGISTRIES_CONF")
	if f, good := v.readable(files, true); !good {
		return f
	}
	if err != nil {
		return broken("", "%s", oneLine(err))
	}
	registries, err := sysregistriesv2.GetRegistries(nil)
	if err != nil {
		return broken("", "%s: %s", named(files), oneLine(err))
	}
	for _, r := range registries {
		for _, e := range append(r.Mirrors, r.Endpoint) {
			if e.Insecure && !loopback(e.Location) {
				return limited(v.secure(files), "%s is insecure: whoever is on the way can change images", e.Location)
			}
		}
	}
	return ok("%s", named(files))
}

// secure takes "insecure" back in the files that have it.
func (v *View) secure(files []string) string {
	var with []string
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), "insecure") {
			with = append(with, quote(file))
		}
	}
	return v.sudo(`sed -i 's/^ *insecure *= *true/insecure = false/' %s`, strings.Join(with, " "))
}

// loopback tells whether nobody is on the way to a registry.
func loopback(location string) bool {
	host, _, _ := strings.Cut(location, "/")
	if addr, err := netip.ParseAddrPort(host); err == nil {
		return addr.Addr().IsLoopback()
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.IsLoopback()
	}
	name, _, _ := strings.Cut(host, ":")
	return name == "localhost"
}

func policyJSON(_ context.Context, v *View) Finding {
	files, err := v.files("policy", "json", "")
	if f, good := v.readable(files, false); !good {
		return f
	}
	if err != nil {
		return broken("", "%s", oneLine(err))
	}
	if len(files) == 0 {
		return ok("none: images are accepted unsigned")
	}
	policy, err := signature.DefaultPolicy(nil)
	if err != nil {
		return broken("${EDITOR:-vi} "+quote(files[0]), "%s: %s", named(files), oneLine(err))
	}
	data, err := json.Marshal(policy.Default)
	if err == nil && strings.Contains(string(data), "insecureAcceptAnything") {
		return ok("%s: images are accepted unsigned unless it says otherwise", named(files))
	}
	return ok("%s", named(files))
}

func containersConf(_ context.Context, v *View) Finding {
	var files []string
	for _, file := range libexec.RuntimeConfigFiles(v.getenv, v.uid) {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			files = append(files, file)
		}
	}
	if f, good := v.readable(files, true); !good {
		return f
	}
	if _, err := libexec.ReadRuntimeConfig(files); err != nil {
		return broken("", "%s", oneLine(err))
	}
	return ok("%s", named(files))
}

// authJSON looks at the files with passwords.
func authJSON(_ context.Context, v *View) Finding {
	paths := []string{fmt.Sprintf("/run/containers/%d/auth.json", v.uid), filepath.Join(v.configHome(), "containers/auth.json"),
		filepath.Join(v.home(), ".docker/config.json")}
	if dir := v.getenv("XDG_RUNTIME_DIR"); dir != "" {
		paths[0] = filepath.Join(dir, "containers/auth.json")
	}
	if file := v.getenv("REGISTRY_AUTH_FILE"); file != "" {
		paths = []string{file}
	}
	var found []string
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if above := filepath.Dir(path); err != nil && unix.Access(above, unix.X_OK) != nil {
			return limited("export REGISTRY_AUTH_FILE="+quote(filepath.Join(v.configHome(), "containers/auth.json")),
				"%s cannot be reached by %s: there is no place for passwords", above, v.name)
		} else if err != nil {
			return broken(v.sudo("chown %s %s", quote(v.name), quote(path)), "%s", oneLine(err))
		}
		found = append(found, path)
		var st unix.Stat_t
		var any struct {
			Auths map[string]any `json:"auths"`
		}
		if err := json.Unmarshal(data, &any); err != nil {
			return broken("rm "+quote(path), "%s: %s", path, oneLine(err))
		}
		if unix.Stat(path, &st) == nil && (st.Mode&0o077 != 0 || int(st.Uid) != v.uid) {
			return limited(v.ownerOf(st.Uid, "chmod 600 %s", quote(path)), "%s: others can read the passwords (owner %d, mode %04o)", path, st.Uid, st.Mode&0o7777)
		}
	}
	if found == nil {
		return ok("none: no registry has a password")
	}
	return ok("%s", strings.Join(found, ", "))
}
