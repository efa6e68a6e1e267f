// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// EncodeSpec gives the text of config.json. It is json.Marshal for the fields
// that NewSpec sets: in a program that writes one spec and ends, encoding/json
// spends a millisecond on learning the types of other systems. A spec with
// anything else goes to encoding/json.
func EncodeSpec(spec *specs.Spec) ([]byte, error) {
	if !plainSpec(spec) {
		return json.Marshal(spec)
	}
	w := &jsonWriter{buf: make([]byte, 0, 16<<10)}
	w.open('{')
	w.text("ociVersion", spec.Version)
	w.process(spec.Process)
	w.key("root")
	w.open('{')
	w.text("path", spec.Root.Path)
	w.flag("readonly", spec.Root.Readonly)
	w.close('}')
	w.textUnlessEmpty("hostname", spec.Hostname)
	w.mounts(spec.Mounts)
	w.pairs("annotations", spec.Annotations)
	w.linux(spec.Linux)
	w.close('}')
	return w.buf, nil
}

// plainSpec reports whether a spec has no other fields than EncodeSpec writes:
// without those, nothing is left.
func plainSpec(spec *specs.Spec) bool {
	if spec.Process == nil || spec.Root == nil || spec.Linux == nil || spec.Process.Capabilities == nil || spec.Linux.Resources == nil {
		return false
	}
	rest := *spec
	rest.Version, rest.Process, rest.Root, rest.Hostname, rest.Mounts, rest.Annotations, rest.Linux = "", nil, nil, "", nil, nil, nil
	process := *spec.Process
	process.Terminal, process.ConsoleSize, process.User, process.Args, process.Env, process.Cwd = false, nil, specs.User{Username: process.User.Username}, nil, nil, ""
	process.Capabilities, process.Rlimits, process.NoNewPrivileges, process.ApparmorProfile, process.OOMScoreAdj = nil, nil, false, "", nil
	linux := *spec.Linux
	linux.Sysctl, linux.Resources, linux.CgroupsPath, linux.Namespaces, linux.Devices, linux.Seccomp = nil, nil, "", nil, nil, nil
	linux.RootfsPropagation, linux.MaskedPaths, linux.ReadonlyPaths = "", nil, nil
	linux.UIDMappings, linux.GIDMappings = nil, nil
	resources := *spec.Linux.Resources
	resources.Devices, resources.Pids, resources.Memory, resources.CPU = nil, nil, nil, nil
	for _, value := range []any{rest, process, linux, resources} {
		if !reflect.ValueOf(value).IsZero() {
			return false
		}
	}
	for i := range spec.Mounts {
		if spec.Mounts[i].UIDMappings != nil || spec.Mounts[i].GIDMappings != nil {
			return false
		}
	}
	s := spec.Linux.Seccomp
	return s == nil || s.ListenerPath == "" && s.ListenerMetadata == ""
}

func (w *jsonWriter) process(p *specs.Process) {
	w.key("process")
	w.open('{')
	w.flag("terminal", p.Terminal)
	if size := p.ConsoleSize; size != nil {
		w.key("consoleSize")
		w.open('{')
		w.unsigned("height", uint64(size.Height))
		w.unsigned("width", uint64(size.Width))
		w.close('}')
	}
	w.key("user")
	w.open('{')
	w.unsigned("uid", uint64(p.User.UID))
	w.unsigned("gid", uint64(p.User.GID))
	if p.User.Umask != nil {
		w.unsigned("umask", uint64(*p.User.Umask))
	}
	list(w, "additionalGids", p.User.AdditionalGids, func(gid uint32) { w.number(uint64(gid)) })
	w.close('}')
	w.texts("args", p.Args)
	w.texts("env", p.Env)
	w.text("cwd", p.Cwd)
	w.key("capabilities")
	w.open('{')
	w.texts("bounding", p.Capabilities.Bounding)
	w.texts("effective", p.Capabilities.Effective)
	w.texts("inheritable", p.Capabilities.Inheritable)
	w.texts("permitted", p.Capabilities.Permitted)
	w.texts("ambient", p.Capabilities.Ambient)
	w.close('}')
	list(w, "rlimits", p.Rlimits, func(limit specs.POSIXRlimit) {
		w.open('{')
		w.text("type", limit.Type)
		w.unsigned("hard", limit.Hard)
		w.unsigned("soft", limit.Soft)
		w.close('}')
	})
	w.flag("noNewPrivileges", p.NoNewPrivileges)
	w.textUnlessEmpty("apparmorProfile", p.ApparmorProfile)
	if p.OOMScoreAdj != nil {
		w.signed("oomScoreAdj", int64(*p.OOMScoreAdj))
	}
	w.close('}')
}

func (w *jsonWriter) mounts(mounts []specs.Mount) {
	list(w, "mounts", mounts, func(m specs.Mount) {
		w.open('{')
		w.text("destination", m.Destination)
		w.textUnlessEmpty("type", m.Type)
		w.textUnlessEmpty("source", m.Source)
		w.texts("options", m.Options)
		w.close('}')
	})
}

func (w *jsonWriter) linux(l *specs.Linux) {
	w.key("linux")
	w.open('{')
	w.pairs("sysctl", l.Sysctl)
	w.resources(l.Resources)
	w.textUnlessEmpty("cgroupsPath", l.CgroupsPath)
	list(w, "namespaces", l.Namespaces, func(n specs.LinuxNamespace) {
		w.open('{')
		w.text("type", string(n.Type))
		w.textUnlessEmpty("path", n.Path)
		w.close('}')
	})
	list(w, "devices", l.Devices, func(d specs.LinuxDevice) {
		w.open('{')
		w.text("path", d.Path)
		w.text("type", d.Type)
		w.signed("major", d.Major)
		w.signed("minor", d.Minor)
		if d.FileMode != nil {
			w.unsigned("fileMode", uint64(*d.FileMode))
		}
		if d.UID != nil {
			w.unsigned("uid", uint64(*d.UID))
		}
		if d.GID != nil {
			w.unsigned("gid", uint64(*d.GID))
		}
		w.close('}')
	})
	for _, m := range []struct {
		name   string
		ranges []specs.LinuxIDMapping
	}{{"uidMappings", l.UIDMappings}, {"gidMappings", l.GIDMappings}} {
		list(w, m.name, m.ranges, func(r specs.LinuxIDMapping) {
			w.open('{')
			w.unsigned("containerID", uint64(r.ContainerID))
			w.unsigned("hostID", uint64(r.HostID))
			w.unsigned("size", uint64(r.Size))
			w.close('}')
		})
	}
	w.seccomp(l.Seccomp)
	w.textUnlessEmpty("rootfsPropagation", l.RootfsPropagation)
	w.texts("maskedPaths", l.MaskedPaths)
	w.texts("readonlyPaths", l.ReadonlyPaths)
	w.close('}')
}

// resources writes the devices here, which every container has; the limits,
// which few have, are small types that encoding/json learns quickly.
func (w *jsonWriter) resources(r *specs.LinuxResources) {
	w.key("resources")
	w.open('{')
	list(w, "devices", r.Devices, func(d specs.LinuxDeviceCgroup) {
		w.open('{')
		w.boolean("allow", d.Allow)
		w.textUnlessEmpty("type", d.Type)
		if d.Major != nil {
			w.signed("major", *d.Major)
		}
		if d.Minor != nil {
			w.signed("minor", *d.Minor)
		}
		w.textUnlessEmpty("access", d.Access)
		w.close('}')
	})
	if r.Memory != nil {
		w.marshal("memory", r.Memory)
	}
	if r.CPU != nil {
		w.marshal("cpu", r.CPU)
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		w.key("pids")
		w.open('{')
		w.signed("limit", *r.Pids.Limit)
		w.close('}')
	}
	w.close('}')
}

func (w *jsonWriter) seccomp(s *specs.LinuxSeccomp) {
	if s == nil {
		return
	}
	w.key("seccomp")
	w.open('{')
	w.text("defaultAction", string(s.DefaultAction))
	if s.DefaultErrnoRet != nil {
		w.unsigned("defaultErrnoRet", uint64(*s.DefaultErrnoRet))
	}
	list(w, "architectures", s.Architectures, func(arch specs.Arch) { w.quoted(string(arch)) })
	list(w, "flags", s.Flags, func(flag specs.LinuxSeccompFlag) { w.quoted(string(flag)) })
	list(w, "syscalls", s.Syscalls, func(call specs.LinuxSyscall) {
		w.open('{')
		w.texts("names", call.Names)
		w.text("action", string(call.Action))
		if call.ErrnoRet != nil {
			w.unsigned("errnoRet", uint64(*call.ErrnoRet))
		}
		list(w, "args", call.Args, func(arg specs.LinuxSeccompArg) {
			w.open('{')
			w.unsigned("index", uint64(arg.Index))
			w.unsigned("value", arg.Value)
			if arg.ValueTwo != 0 {
				w.unsigned("valueTwo", arg.ValueTwo)
			}
			w.text("op", string(arg.Op))
			w.close('}')
		})
		w.close('}')
	})
	w.close('}')
}

// pairs writes a map in the order of its names.
func (w *jsonWriter) pairs(name string, pairs map[string]string) {
	if len(pairs) == 0 {
		return
	}
	w.key(name)
	w.open('{')
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		w.text(key, pairs[key])
	}
	w.close('}')
}
