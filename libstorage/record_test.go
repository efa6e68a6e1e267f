// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
)

var testID = strings.Repeat("0123456789abcdef", 4)

func TestRecordNames(t *testing.T) {
	var want []string
	for f := range reflect.TypeFor[Record]().Fields() {
		if tag, ok := f.Tag.Lookup("json"); ok {
			name, _, _ := strings.Cut(tag, ",")
			want = append(want, name)
		}
	}
	if !reflect.DeepEqual(recordNames, want) {
		t.Errorf("recordNames = %q; the fields are %q", recordNames, want)
	}
}

func TestRecordKeepsUnknownFields(t *testing.T) {
	in := `{"format":1,"id":"` + testID + `","name":"one","created":"2024-01-02T03:04:05Z","driver":"overlay",` +
		`"future":{"a":[1,2.50,"x"],"b":null},"x-more":12345678901234567890}`
	r, err := parseRecord(testID, []byte(in))
	if err != nil {
		t.Fatal(err)
	}
	r.Exit(3)
	out, err := json.Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"future":{"a":[1,2.50,"x"],"b":null}`, `"x-more":12345678901234567890`, `"exitCode":3`, `"name":"one"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in %s", want, out)
		}
	}
	again, err := parseRecord(testID, out)
	unknown, uerr := again.unknown()
	if err != nil || uerr != nil || *again.ExitCode != 3 || len(unknown) != 2 {
		t.Errorf("read again: %+v, %v", again, err)
	}
}

func TestParseRecord(t *testing.T) {
	for name, test := range map[string]struct {
		data string
		want error
	}{
		"empty":          {"", ErrDamaged},
		"zeros":          {"\x00\x00\x00", ErrDamaged},
		"blank":          {" \n", ErrDamaged},
		"cut":            {`{"format":1,"id":"` + testID, ErrDamaged},
		"list":           {`[]`, ErrDamaged},
		"null":           {`null`, ErrDamaged},
		"no format":      {`{"id":"` + testID + `"}`, ErrDamaged},
		"another's":      {`{"format":1,"id":"` + strings.Repeat("f", 64) + `"}`, ErrDamaged},
		"wrong type":     {`{"format":1,"id":"` + testID + `","pid":"many"}`, ErrDamaged},
		"newer":          {`{"format":2,"id":"` + testID + `","name":"x"}`, ErrNewerFormat},
		"newer and else": {`{"format":9,"id":"` + testID + `","pid":{"host":1}}`, ErrNewerFormat},
		"whole":          {`{"format":1,"id":"` + testID + `"}`, nil},
	} {
		r, err := parseRecord(testID, []byte(test.data))
		if !errors.Is(err, test.want) || r.ID != testID {
			t.Errorf("%s: %+v, %v; want %v", name, r, err, test.want)
		}
		if class, object := errclass.Of(err); err != nil && (object != testID || errors.Is(err, ErrNewerFormat) && class != errclass.Unsupported) {
			t.Errorf("%s: class %s, object %s", name, class, object)
		}
	}
}

type fakeProcs struct {
	boot  string
	start map[int]uint64
}

func (f fakeProcs) bootID() string { return f.boot }
func (f fakeProcs) startTime(pid int) (uint64, bool) {
	start, ok := f.start[pid]
	return start, ok
}

func TestState(t *testing.T) {
	code := 0
	h := fakeProcs{"now", map[int]uint64{7: 100, 8: 200}}
	for _, test := range []struct {
		record Record
		want   State
	}{
		{Record{}, Created},
		{Record{Pid: 7, StartTime: 100, BootID: "now"}, Running},
		{Record{Pid: 7, StartTime: 99, BootID: "now"}, Unknown}, // the number was given again
		{Record{Pid: 9, StartTime: 100, BootID: "now"}, Unknown},
		{Record{Pid: 7, StartTime: 100, BootID: "before"}, Stopped},
		{Record{Pid: 7, StartTime: 100, BootID: "now", ExitCode: &code}, Exited},
		{Record{Pid: 9, BootID: "before", ExitCode: &code}, Exited},
	} {
		if got := test.record.state(h); got != test.want {
			t.Errorf("%+v: %s; want %s", test.record, got, test.want)
		}
	}
}

func TestStarted(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var r Record
	if err := r.Started(cmd.Process.Pid); err != nil || r.State() != Running || r.StartTime == 0 || r.BootID == "" {
		t.Errorf("%+v is %s, %v", r, r.State(), err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := r.State(); got != Unknown {
		t.Errorf("killed: %s", got)
	}
	if err := r.Started(cmd.Process.Pid); err == nil {
		t.Error("Started of a process that is gone")
	}
	r.Exit(137)
	if got := r.State(); got != Exited {
		t.Errorf("exit seen: %s", got)
	}
}

func TestStartTime(t *testing.T) {
	if start, ok := (host{}).startTime(os.Getpid()); !ok || start == 0 {
		t.Errorf("this process: %d, %v", start, ok)
	}
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"a", "A9", "0", "a_b.c-d", strings.Repeat("x", 128)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "-x", "--help", ".", "..", ".lock", "_a", "a/b", "a b", "a\n", "a\x00", "é", "a%n", "a:b", strings.Repeat("x", 129), strings.Repeat("y", 1<<20),
	} {
		err := CheckName(bad)
		if !errors.Is(err, ErrInvalidName) || !errors.Is(err, errclass.Usage) || len(err.Error()) > 800 {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	for try := range 50 {
		if name := madeUpName(try); CheckName(name) != nil {
			t.Errorf("made up %q", name)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"` + testID + `","exitCode":1,"x":{"y":[1]}}`))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"FORMAT":2,"id":null}`))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecord(testID, data)
		if r.ID != testID {
			t.Fatalf("ID %q", r.ID)
		}
		if err != nil {
			return
		}
		out, err := json.Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseRecord(testID, out)
		if err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		was, err := r.unknown()
		is, err2 := again.unknown()
		if err != nil || err2 != nil || len(is) != len(was) {
			t.Errorf("%d unknown fields became %d: %s: %v, %v", len(was), len(is), out, err, err2)
		}
	})
}

func FuzzContainerList(f *testing.F) {
	f.Add(`{"id":"a"},{"id":"b","x":"]"}`)
	f.Add(``)
	f.Add(`{"names":["{\"id\":\"x\"}"]}`)
	f.Fuzz(func(t *testing.T, others string) {
		list := []byte("[" + others + "]")
		if !json.Valid(list) {
			return
		}
		id := leaseID("image" + strconv.Itoa(len(others)))
		if strings.Contains(others, id) {
			return
		}
		with := addContainer(list, []byte(`{"id":"`+id+`","names":["x"]}`))
		if !json.Valid(with) {
			t.Fatalf("not JSON: %s", with)
		}
		start, end, err := findContainer(with, id)
		if err != nil || start < 0 {
			t.Fatalf("not found: %v: %s", err, with)
		}
		var before, after []json.RawMessage
		if json.Unmarshal(list, &before) != nil || json.Unmarshal(cutContainer(with, start, end), &after) != nil || len(before) != len(after) {
			t.Fatalf("%s became %s", list, cutContainer(with, start, end))
		}
		// Somebody else's record behind it.
		behind := addContainer(with, []byte(`{"id":"z"}`))
		if start, end, err = findContainer(behind, id); err != nil || !json.Valid(cutContainer(behind, start, end)) {
			t.Fatalf("%s became %s", behind, cutContainer(behind, start, end))
		}
	})
}
