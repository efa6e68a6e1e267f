// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/json"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libexec"
)

// parseUlimit reads NAME=SOFT[:HARD].
func parseUlimit(s string) (libexec.Rlimit, error) {
	name, values, found := strings.Cut(s, "=")
	soft, hard, hasHard := strings.Cut(values, ":")
	if !found || name == "" {
		return libexec.Rlimit{}, cli.UsageError("--ulimit", "--ulimit %q: not NAME=SOFT[:HARD]", s)
	}
	if !hasHard {
		hard = soft
	}
	limit := libexec.Rlimit{Name: strings.ToLower(name)}
	for _, v := range []struct {
		text string
		to   *uint64
	}{{soft, &limit.Soft}, {hard, &limit.Hard}} {
		if v.text == "-1" || v.text == "unlimited" {
			*v.to = libexec.RlimitUnlimited
			continue
		}
		n, err := strconv.ParseUint(v.text, 10, 64)
		if err != nil {
			return libexec.Rlimit{}, cli.UsageError("--ulimit", "--ulimit %q: %q is not a number", s, v.text)
		}
		*v.to = n
	}
	return limit, nil
}

// parseDevice reads SOURCE[:PLACE][:ACCESS].
func parseDevice(s string) (libexec.Device, error) {
	parts := strings.Split(s, ":")
	device := libexec.Device{Source: parts[0]}
	switch {
	case len(parts) > 3 || parts[0] == "":
		return libexec.Device{}, cli.UsageError("--device", "--device %q: not SOURCE[:PLACE][:ACCESS]", s)
	case !path.IsAbs(parts[0]) && strings.Contains(parts[0], "="):
		return libexec.Device{}, unsupported("--device", "--device %q: CDI names are not supported by this version", s)
	case len(parts) == 3:
		device.Destination, device.Access = parts[1], parts[2]
	case len(parts) == 2 && path.IsAbs(parts[1]):
		device.Destination = parts[1]
	case len(parts) == 2:
		device.Access = parts[1]
	}
	if len(parts) > 1 && device.Destination == "" && device.Access == "" {
		return libexec.Device{}, cli.UsageError("--device", "--device %q: not SOURCE[:PLACE][:ACCESS]", s)
	}
	return device, nil
}

// container is what the name of a container follows whose namespace is shared.
const container = "container:"

// parseNamespace reads private, host, none, container:NAME or ns:PATH.
func parseNamespace(flag, s string, modes ...string) (libexec.Namespace, error) {
	if p, found := strings.CutPrefix(s, "ns:"); found {
		if !path.IsAbs(p) {
			return libexec.Namespace{}, cli.UsageError(flag, "%s %q: must be an absolute path", flag, s)
		}
		return libexec.Namespace{Mode: libexec.PathMode, Path: p}, nil
	}
	if name, found := strings.CutPrefix(s, container); found && slices.Contains(modes, container) {
		if name == "" {
			return libexec.Namespace{}, cli.UsageError(flag, "%s %q: no name of a container", flag, s)
		}
		return libexec.Namespace{Mode: libexec.ContainerMode, Path: name}, nil
	}
	for _, mode := range modes {
		if s != mode {
			continue
		}
		switch mode {
		case "shareable":
			return libexec.Namespace{Mode: libexec.ShareableMode}, nil
		case "host":
			return libexec.Namespace{Mode: libexec.HostMode}, nil
		case "none":
			return libexec.Namespace{Mode: libexec.NoneMode}, nil
		default:
			return libexec.Namespace{}, nil
		}
	}
	return libexec.Namespace{}, unsupported(flag, "%s %q is not supported by this version; %s or ns:PATH are", flag, s, strings.Join(modes, ", "))
}

// parseUmask reads an octal number.
func parseUmask(s string) (*uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return nil, cli.UsageError("--umask", "--umask %q: not an octal number up to 0777", s)
	}
	umask := uint32(n)
	return &umask, nil
}

// parseEntrypoint reads a path or a JSON array of strings; "" is none.
func parseEntrypoint(s string) ([]string, error) {
	if s == "" {
		return []string{}, nil
	}
	if !strings.HasPrefix(s, "[") {
		return []string{s}, nil
	}
	entrypoint := []string{}
	if err := json.Unmarshal([]byte(s), &entrypoint); err != nil {
		return nil, cli.UsageError("--entrypoint", "--entrypoint %q: not a JSON array of strings: %w", s, err)
	}
	return entrypoint, nil
}

// parseHost reads NAME:ADDRESS; an IPv6 address has colons of its own.
func parseHost(s string) (libexec.Host, error) {
	name, address, found := strings.Cut(s, ":")
	if !found || name == "" {
		return libexec.Host{}, cli.UsageError("--add-host", "--add-host %q: not NAME:ADDRESS", s)
	}
	address = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	return libexec.Host{Name: name, Address: address}, nil
}
