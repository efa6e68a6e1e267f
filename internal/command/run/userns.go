// SPDX-License-Identifier: Apache-2.0

package run

import (
	"path"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/idmap"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libstorage"
)

// userNamespace reads --userns, and the options that are about its mapping.
func (f *flags) userNamespace() (launch.UserNS, error) {
	u := launch.UserNS{SubUID: f.subUID, SubGID: f.subGID}
	if f.userns != "host" {
		u.Text = f.userns
	}
	var err error
	if u.UIDs, err = parseMaps("--uidmap", f.uidMaps); err != nil {
		return u, err
	}
	if u.GIDs, err = parseMaps("--gidmap", f.gidMaps); err != nil {
		return u, err
	}
	own := f.uidMaps != nil || f.gidMaps != nil || f.subUID != "" || f.subGID != ""
	switch {
	case own && f.set.Changed("userns") && f.userns != "private":
		return u, cli.UsageError("--userns", "--userns %q: not together with --uidmap, --gidmap, --subuidname or --subgidname", f.userns)
	case (f.uidMaps != nil || f.gidMaps != nil) && (f.subUID != "" || f.subGID != ""):
		return u, cli.UsageError("--uidmap", "--uidmap and --gidmap: not together with --subuidname or --subgidname")
	case own:
		if u.GIDs == nil {
			u.GIDs = u.UIDs
		}
		if u.UIDs == nil {
			u.UIDs = u.GIDs
		}
		u.Text = "private"
		return u, nil
	}
	mode, rest, hasOptions := strings.Cut(f.userns, ":")
	switch mode {
	case "", "host":
		if hasOptions {
			return u, cli.UsageError("--userns", "--userns %q: it has no options", f.userns)
		}
	case "auto":
		u.Auto, err = parseAuto(f.userns, rest)
	case "keep-id":
		u.Keep = true
		err = parseKeep(&u, f.userns, rest)
	case "nomap":
		if u.NoMap = true; hasOptions {
			return u, cli.UsageError("--userns", "--userns %q: it has no options", f.userns)
		}
	case "container":
		if u.Container = rest; rest == "" {
			return u, cli.UsageError("--userns", "--userns %q: no name of a container", f.userns)
		}
	case "ns":
		if u.Path = rest; !path.IsAbs(rest) {
			return u, cli.UsageError("--userns", "--userns %q: must be an absolute path", f.userns)
		}
	case "private":
		return u, cli.UsageError("--userns", "--userns private: say with --uidmap or --subuidname what its ids are")
	default:
		return u, cli.UsageError("--userns", "--userns %q: must be host, auto, keep-id, nomap, container:NAME or ns:PATH", f.userns)
	}
	return u, err
}

func parseMaps(flag string, values []string) (ranges []idmap.Range, err error) {
	for _, value := range values {
		if strings.ContainsAny(value, "+@") {
			return nil, unsupported(flag, "%s %q: the signs + and @ are not supported by this version", flag, value)
		}
		r, err := idmap.Parse(value)
		if err != nil {
			return nil, cli.UsageError(flag, "%s %w", flag, err)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// pairs reads NAME=VALUE,... of a mode of --userns.
func pairs(text, options string, use func(name, value string) error) error {
	if options == "" {
		return nil
	}
	for option := range strings.SplitSeq(options, ",") {
		name, value, found := strings.Cut(option, "=")
		if !found || value == "" {
			return cli.UsageError("--userns", "--userns %q: %q is not NAME=VALUE", text, option)
		}
		if err := use(name, value); err != nil {
			return err
		}
	}
	return nil
}

// parseAuto reads size=, uidmapping= and gidmapping=.
func parseAuto(text, options string) (*libstorage.AutoIDs, error) {
	auto := &libstorage.AutoIDs{}
	return auto, pairs(text, options, func(name, value string) error {
		switch name {
		case "size":
			n, err := strconv.ParseUint(value, 10, 32)
			if err != nil || n == 0 {
				return cli.UsageError("--userns", "--userns %q: size %q: not a number", text, value)
			}
			auto.Size = uint32(n)
		case "uidmapping", "gidmapping":
			r, err := idmap.Parse(value)
			if err != nil {
				return cli.UsageError("--userns", "--userns %q: %s %w", text, name, err)
			}
			if name == "uidmapping" {
				auto.UIDs = append(auto.UIDs, r)
			} else {
				auto.GIDs = append(auto.GIDs, r)
			}
		default:
			return cli.UsageError("--userns", "--userns %q: %s: must be size, uidmapping or gidmapping", text, name)
		}
		return nil
	})
}

// parseKeep reads uid= and gid=.
func parseKeep(u *launch.UserNS, text, options string) error {
	return pairs(text, options, func(name, value string) error {
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return cli.UsageError("--userns", "--userns %q: %s %q: not a number", text, name, value)
		}
		id := uint32(n)
		switch name {
		case "uid":
			u.KeepUID = &id
		case "gid":
			u.KeepGID = &id
		default:
			return cli.UsageError("--userns", "--userns %q: %s: must be uid or gid", text, name)
		}
		return nil
	})
}
