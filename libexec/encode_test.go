// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// same fails unless both ways to encode a spec say the same.
func same(t *testing.T, spec *specs.Spec) {
	t.Helper()
	ours, err := EncodeSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(ours, &a); err != nil {
		t.Fatalf("%v in %s", err, ours)
	}
	if err := json.Unmarshal(theirs, &b); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("ours   %s\ntheirs %s", ours, theirs)
	}
}

func TestEncodeSpec(t *testing.T) {
	r := newRig(t).busybox()
	adj, umask := -5, uint32(0o77)
	for name, opts := range map[string]Options{
		"default": {},
		"all": {
			Terminal: true, ConsoleWidth: 80, ConsoleHeight: 24, User: "alice", Umask: &umask, OOMScoreAdj: &adj, CapAdd: []string{"KILL"}, ReadOnly: true,
			Env: []string{"A=\"quoted\" \\ \n\t\x01\x7f<&>é\u2028 \xff\xfe", "B="}, Rlimits: []Rlimit{{"core", 0, 1}}, Annotations: map[string]string{"b": "2", "a": "1"},
			Sysctls: map[string]string{"net.x.y": "1"}, Devices: []Device{{Source: "/dev/null", Destination: "/dev/n", Access: "r"}},
			Mounts:    []Mount{{Type: "tmpfs", Destination: "/t", Options: []string{"size=1m"}}},
			Resources: Resources{Memory: 64 << 20, CPUs: 0.5, CpusetCPUs: "0", Pids: 5}, Security: Security{NoNewPrivileges: true, Mask: []string{"/x"}},
		},
		"privileged": {Privileged: true, Network: Namespace{PathMode, "/proc/self/ns/net"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := r.mustSpec(sh("true"), opts)
			if !plainSpec(spec) {
				t.Error("NewSpec sets what EncodeSpec does not write")
			}
			same(t, spec)
		})
	}
}

// What EncodeSpec does not know must not be lost: each field of the types,
// set to something, comes through.
func TestEncodeSpecEveryField(t *testing.T) {
	r := newRig(t).busybox()
	fill := func(t *testing.T, value reflect.Value, spec *specs.Spec) {
		for i := range value.NumField() {
			field := value.Field(i)
			old := reflect.ValueOf(field.Interface())
			if !field.IsZero() {
				continue
			}
			switch field.Kind() {
			case reflect.Pointer:
				field.Set(reflect.New(field.Type().Elem()))
			case reflect.Slice:
				field.Set(reflect.MakeSlice(field.Type(), 1, 1))
			case reflect.Map:
				field.Set(reflect.MakeMap(field.Type()))
				field.SetMapIndex(reflect.Zero(field.Type().Key()), reflect.Zero(field.Type().Elem()))
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Uint, reflect.Uint32, reflect.Uint64:
				field.SetUint(1)
			case reflect.Int, reflect.Int64:
				field.SetInt(1)
			default:
				t.Fatalf("a field of kind %s", field.Kind())
			}
			t.Run(value.Type().Name()+"."+value.Type().Field(i).Name, func(t *testing.T) { same(t, spec) })
			if old.IsValid() {
				field.Set(old)
			}
		}
	}
	spec := r.mustSpec(sh("true"), Options{})
	for _, part := range []any{spec, spec.Process, spec.Process.Capabilities, &spec.Process.User, spec.Root, spec.Linux, spec.Linux.Resources, spec.Linux.Seccomp,
		&spec.Mounts[0], &spec.Linux.Namespaces[0], &spec.Linux.Seccomp.Syscalls[0], &spec.Linux.Resources.Devices[0]} {
		fill(t, reflect.ValueOf(part).Elem(), spec)
	}
}

func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "plain", "\"\\\n\x00\x1f\x7f", "é\u2028\U0001F600", "\xff\xc3", "\xed\xa0\x80", "<&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w := &jsonWriter{}
		w.open('[')
		w.quoted(s)
		w.close(']')
		var theirs bytes.Buffer
		encoder := json.NewEncoder(&theirs)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode([]string{s}); err != nil {
			t.Fatal(err)
		}
		var a, b []string
		if err := json.Unmarshal(w.buf, &a); err != nil {
			t.Fatalf("%q: %v in %s", s, err, w.buf)
		}
		if err := json.Unmarshal(theirs.Bytes(), &b); err != nil {
			t.Fatal(err)
		}
		if a[0] != b[0] {
			t.Fatalf("%q: ours %q, theirs %q", s, a[0], b[0])
		}
	})
}
