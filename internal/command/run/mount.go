// SPDX-License-Identifier: Apache-2.0

package run

import (
	"encoding/csv"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/launch"
	"github.com/tug-containers/tug/libexec"
)

// mountFlag is a --mount in parts.
type mountFlag struct {
	value                    string
	kind, source, target     string
	subpath                  string
	options                  []string
	readWrite, readOnly, own bool
}

// parseMount reads type=TYPE,source=...,target=...,...; an element with a comma
// is quoted as in CSV.
func parseMount(value string) (filesystems, error) {
	reader := csv.NewReader(strings.NewReader(value))
	fields, err := reader.Read()
	if err != nil || strings.ContainsAny(value, "\r\n") {
		return filesystems{}, cli.UsageError(value, "--mount %q: not KEY=VALUE,...", value)
	}
	m := mountFlag{value: value, kind: "volume"}
	for _, field := range fields {
		if err := m.field(field); err != nil {
			return filesystems{}, err
		}
	}
	if m.target, err = place("--mount", value, m.target); err != nil {
		return filesystems{}, err
	}
	if m.subpath != "" && m.kind != "volume" {
		return filesystems{}, unsupported(value, "--mount %q: a subpath is supported for volumes only", value)
	}
	switch m.kind {
	case "bind":
		return m.bind()
	case "volume":
		return m.volume()
	case "tmpfs":
		return m.tmpfs()
	case "image":
		return m.image()
	case "devpts", "glob", "ramfs", "artifact", "cluster", "npipe":
		return filesystems{}, unsupported(value, "--mount %q: type %s is not supported by this version", value, m.kind)
	}
	return filesystems{}, cli.UsageError(value, "--mount %q: type %q is not known", value, m.kind)
}

func (m *mountFlag) field(field string) error {
	key, arg, hasArg := strings.Cut(field, "=")
	switch key {
	case "type":
		m.kind = arg
	case "source", "src":
		m.source = arg
	case "target", "destination", "dst":
		m.target = arg
	case "bind-propagation", "volume-propagation":
		m.options = append(m.options, arg)
	case "bind-nonrecursive":
		return m.boolean(field, arg, hasArg, func(on bool) {
			if on {
				m.options = append(m.options, "bind")
			}
		})
	case "relabel":
		if arg != "shared" && arg != "private" {
			return cli.UsageError(m.value, "--mount %q: relabel is shared or private", m.value)
		}
	case "tmpfs-size":
		m.options = append(m.options, "size="+arg)
	case "tmpfs-mode":
		m.options = append(m.options, "mode="+arg)
	case "ro", "readonly":
		return m.boolean(field, arg, hasArg, func(on bool) { m.readOnly, m.readWrite = on, !on })
	case "rw", "readwrite":
		return m.boolean(field, arg, hasArg, func(on bool) { m.readOnly, m.readWrite = !on, on })
	case "U", "chown":
		return m.boolean(field, arg, hasArg, func(on bool) { m.own = on })
	case "subpath", "volume-subpath":
		m.subpath = arg
	case "volume-nocopy":
		return m.boolean(field, arg, hasArg, func(on bool) {
			if on {
				m.options = append(m.options, "nocopy")
			}
		})
	case "idmap":
		m.options = append(m.options, field)
	case "volume-opt", "consistency", "no-dereference":
		return unsupported(m.value, "--mount %q: %s is not supported by this version", m.value, key)
	default: // as in the list of a --volume; checked there
		m.options = append(m.options, field)
	}
	return nil
}

func (m *mountFlag) boolean(field, arg string, hasArg bool, set func(bool)) error {
	on, err := strconv.ParseBool(arg)
	if hasArg && err != nil {
		return cli.UsageError(m.value, "--mount %q: %s is not true or false", m.value, field)
	}
	set(!hasArg || on)
	return nil
}

// access adds what ro and rw say.
func (m *mountFlag) access() []string {
	switch {
	case m.readOnly:
		return append(m.options, "ro")
	case m.readWrite:
		return append(m.options, "rw")
	}
	return m.options
}

// accessAndOwner adds what asks for the container's user as owner.
func (m *mountFlag) accessAndOwner() []string {
	if m.own {
		return append(m.access(), "U")
	}
	return m.access()
}

func (m *mountFlag) bind() (filesystems, error) {
	if m.source != "" && !isPath(m.source) {
		return filesystems{}, cli.UsageError(m.value, "--mount %q: the source of a bind mount is a path; for a directory say ./%s", m.value, m.source)
	}
	from, err := source("--mount", m.value, m.source)
	if err != nil {
		return filesystems{}, err
	}
	return bindOrOverlay(m.value, from, m.target, m.accessAndOwner())
}

func (m *mountFlag) volume() (filesystems, error) {
	v := launch.Volume{Name: m.source, Anonymous: m.source == "", Destination: m.target, Subpath: m.subpath}
	return ofStore(m.value, v, m.accessAndOwner())
}

func (m *mountFlag) tmpfs() (filesystems, error) {
	options := m.access()
	if m.source != "" && m.source != "tmpfs" || m.own {
		return filesystems{}, cli.UsageError(m.value, "--mount %q: a tmpfs has no source and no owner", m.value)
	}
	if err := libexec.CheckMountOptions("tmpfs", m.target, options); err != nil {
		return filesystems{}, err
	}
	return filesystems{mounts: []libexec.Mount{{Type: "tmpfs", Destination: m.target, Options: options}}}, nil
}

func (m *mountFlag) image() (filesystems, error) {
	if m.source == "" {
		return filesystems{}, cli.UsageError(m.value, "--mount %q: no source", m.value)
	}
	if err := libexec.CheckMountOptions("bind", m.target, m.options); err != nil {
		return filesystems{}, err
	}
	return filesystems{volumes: []launch.Volume{{Image: m.source, ReadWrite: m.readWrite, Destination: m.target, Options: m.options, Chown: m.own}}}, nil
}
