// SPDX-License-Identifier: Apache-2.0

package logfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const stamp = "2026-01-02T03:04:05.000000000Z "

// write makes a log of several files, the oldest first.
func write(t testing.TB, files ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	for i, content := range files {
		if err := os.WriteFile(rotated(path, len(files)-1-i), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// lines makes records of "o text", "e text"; a text that ends in "..." is a
// partial one.
func lines(records ...string) string {
	var b strings.Builder
	for i, r := range records {
		stream, tag := "stdout", "F"
		if r[0] == 'e' {
			stream = "stderr"
		}
		text := r[2:]
		if cut, ok := strings.CutSuffix(text, "..."); ok {
			text, tag = cut, "P"
		}
		fmt.Fprintf(&b, "2026-01-02T03:04:%02d.000000000Z %s %s %s\n", i%60, stream, tag, text)
	}
	return b.String()
}

func show(t testing.TB, path string, o Options) (out, err string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	o.Out = [2]io.Writer{&stdout, &stderr}
	if err := Read(context.Background(), path, o); err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String()
}

func TestRead(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2026, 1, 2, 3, 4, second, 0, time.UTC) }
	for name, tc := range map[string]struct {
		files    []string
		o        Options
		out, err string
	}{
		"empty":       {[]string{""}, Options{}, "", ""},
		"two streams": {[]string{lines("o a", "e b", "o c")}, Options{}, "a\nc\n", "b\n"},
		"partial":     {[]string{lines("o a...", "e b", "o c...", "o d")}, Options{}, "acd\n", "b\n"},
		"open end":    {[]string{lines("o a", "o b...")}, Options{}, "a\nb", ""},
		"rotated":     {[]string{lines("o a", "o b..."), lines("o c", "e d"), lines("o e")}, Options{}, "a\nbc\ne\n", "d\n"},
		"bytes":       {[]string{lines("o \x00\xff\x1b[31m\r x")}, Options{}, "\x00\xff\x1b[31m\r x\n", ""},
		"empty lines": {[]string{lines("o ", "o  ", "e ")}, Options{}, "\n \n", "\n"},
		"forged":      {[]string{lines("o "+stamp+"stderr F x", "o P x")}, Options{}, stamp + "stderr F x\nP x\n", ""},
		"more tags":   {[]string{stamp + "stdout F:1:a text\n" + stamp + "stdout P:x t\n" + stamp + "stdout F\n"}, Options{}, "text\nt\n", ""},
		"no records":  {[]string{"x\n" + stamp + "stdmid F a\n" + stamp + "stdout X a\n\n"}, Options{}, "x\n" + stamp + "stdmid F a\n" + stamp + "stdout X a\n\n", ""},
		"cut short":   {[]string{lines("o a") + stamp + "stdout F b"}, Options{}, "a\nb\n", ""},
		"timestamps":  {[]string{lines("o a...", "o b", "e c")}, Options{Timestamps: true}, "2026-01-02T03:04:00.000000000Z ab\n", "2026-01-02T03:04:02.000000000Z c\n"},
		"prefix":      {[]string{lines("o a...", "o b", "e c")}, Options{Prefix: "<", Suffix: ">"}, "<ab>\n", "<c>\n"},
		"since":       {[]string{lines("o a", "o b...", "o c", "o d")}, Options{Since: at(1)}, "bc\nd\n", ""},
		"since later": {[]string{lines("o a", "o b...", "o c", "o d")}, Options{Since: at(2)}, "d\n", ""},
		"until":       {[]string{lines("o a", "o b...", "o c", "e d")}, Options{Until: at(1)}, "a\nbc\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := show(t, write(t, tc.files...), tc.o)
			if out != tc.out || err != tc.err {
				t.Errorf("%q, %q; want %q, %q", out, err, tc.out, tc.err)
			}
		})
	}
}

func TestReadNothing(t *testing.T) {
	dir := t.TempDir()
	if err := Read(context.Background(), filepath.Join(dir, "none"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := Read(context.Background(), dir, Options{}); err == nil {
		t.Error("a directory is read")
	}
}

func TestTail(t *testing.T) {
	for _, tc := range []struct {
		files    []string
		n        int
		out, err string
	}{
		{[]string{lines("o a", "e b", "o c")}, 0, "", ""},
		{[]string{lines("o a", "e b", "o c")}, 1, "c\n", ""},
		{[]string{lines("o a", "e b", "o c")}, 2, "c\n", "b\n"},
		{[]string{lines("o a", "e b", "o c")}, 9, "a\nc\n", "b\n"},
		{[]string{lines("o a", "o b...", "o c...", "o d")}, 1, "bcd\n", ""},
		{[]string{lines("o a", "o b...", "e x", "o c...", "o d")}, 1, "bcd\n", ""},
		{[]string{lines("o a", "o b...", "e x", "o c...", "o d")}, 2, "bcd\n", "x\n"},
		{[]string{lines("o a", "o b...")}, 1, "b", ""},
		{[]string{lines("o a", "e b", "o c"), "", lines("o d")}, 2, "c\nd\n", ""},
		{[]string{lines("o a..."), lines("o b"), lines("e c")}, 2, "ab\n", "c\n"},
		{[]string{lines("e x", "o a") + strings.Repeat(lines("o "+strings.Repeat("y", 1000)+"..."), 3000), lines("o z")}, 1, strings.Repeat("y", 3000000) + "z\n", ""},
		{[]string{lines("o a"), lines("o " + strings.Repeat("long ", 200000))}, 1, strings.Repeat("long ", 200000) + "\n", ""},
	} {
		out, err := show(t, write(t, tc.files...), Options{Tail: &tc.n})
		if out != tc.out || err != tc.err {
			t.Errorf("%d of %.200q: %.200q, %.200q; want %.200q, %.200q", tc.n, tc.files, out, err, tc.out, tc.err)
		}
	}
}

// TestTailAnywhere compares with what counting from the beginning gives, for
// files that are longer than a block.
func TestTailAnywhere(t *testing.T) {
	var all []string
	var files []string
	random := rand.New(rand.NewPCG(1, 2))
	for range 3 {
		var b strings.Builder
		for b.Len() < tailBlock+1000 {
			text := strings.Repeat("x", random.IntN(1000)) + fmt.Sprint(len(all))
			all = append(all, text)
			b.WriteString(lines("o " + text))
		}
		files = append(files, b.String())
	}
	path := write(t, files...)
	for _, n := range []int{1, 2, 100, 400, 500, 555, 700, len(all) - 1, len(all)} {
		out, _ := show(t, path, Options{Tail: &n})
		if want := strings.Join(all[len(all)-n:], "\n") + "\n"; out != want {
			t.Errorf("the last %d lines: %d bytes, want %d", n, len(out), len(want))
		}
	}
}

// TestFollow reads while a writer rotates as the monitor does.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const count, keep = 20000, 4
	var living, shown atomic.Bool
	var done atomic.Int64 // what the reader has shown
	living.Store(true)
	go func() {
		defer living.Store(false)
		f, _ := os.Create(path)
		for i := range count {
			if i%1000 == 999 {
				for i-int(done.Load()) > 2000 { // or the oldest is dropped before it is read
					time.Sleep(time.Millisecond)
				}
				f.Close()
				for j := keep - 1; j > 0; j-- {
					os.Rename(rotated(path, j-1), rotated(path, j))
				}
				f, _ = os.Create(path)
			}
			f.WriteString(lines(fmt.Sprintf("o %d", i)))
		}
		f.Close()
	}()
	var out bytes.Buffer
	counting := writerFunc(func(p []byte) (int, error) {
		done.Add(int64(bytes.Count(p, []byte{'\n'})))
		return out.Write(p)
	})
	err := Follow(context.Background(), path, Options{Out: [2]io.Writer{counting, counting}}, living.Load, func() { shown.Store(true) })
	if err != nil || shown.Load() {
		t.Fatal(err, shown.Load())
	}
	for i, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if line != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != count {
		t.Errorf("%d lines, want %d", n, count)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestFollowLost(t *testing.T) {
	path := write(t, lines("o a"))
	steps, lost := 0, 0
	alive := func() bool {
		steps++
		if steps == 2 { // all was read
			for i, content := range []string{lines("o d"), lines("o c")} {
				if err := os.WriteFile(rotated(path, i), []byte(content), 0o600); err != nil {
					t.Error(err)
				}
				if i == 0 {
					os.Remove(rotated(path, 2))
				}
			}
			os.Remove(path)
			os.WriteFile(path, []byte(lines("o d")), 0o600)
		}
		return steps < 5
	}
	var out bytes.Buffer
	if err := Follow(context.Background(), path, Options{Out: [2]io.Writer{&out, &out}}, alive, func() { lost++ }); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a\nc\nd\n" || lost != 1 {
		t.Errorf("%q, lost %d times", out.String(), lost)
	}
}

func TestFollowCut(t *testing.T) {
	path := write(t, lines("o a", "o b"))
	steps := 0
	alive := func() bool {
		if steps++; steps == 2 {
			os.WriteFile(path, []byte(lines("o c")), 0o600)
		}
		return steps < 4
	}
	var out bytes.Buffer
	if err := Follow(context.Background(), path, Options{Out: [2]io.Writer{&out, &out}}, alive, nil); err != nil || out.String() != "a\nb\nc\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestFollowUntil(t *testing.T) {
	path := write(t, lines("o a", "o b", "o c"))
	var out bytes.Buffer
	o := Options{Out: [2]io.Writer{&out, &out}, Until: time.Date(2026, 1, 2, 3, 4, 1, 0, time.UTC)}
	if err := Follow(context.Background(), path, o, func() bool { return true }, nil); err != nil || out.String() != "a\nb\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// FuzzRead: whatever is in the files, nothing panics, no byte is made up, and
// the tail is the end of the whole.
func FuzzRead(f *testing.F) {
	f.Add([]byte(lines("o a...", "e b", "o c")), []byte(lines("o d")), uint8(2))
	f.Add([]byte("x\n\n"), []byte(stamp+"stdout F"), uint8(1))
	f.Add([]byte(stamp+"stdout P\n"), []byte(stamp+"stderr F:a \n \n"), uint8(0))
	f.Fuzz(func(t *testing.T, older, newer []byte, n uint8) {
		path := write(t, string(older), string(newer))
		tail := int(n)
		all, allErr := show(t, path, Options{})
		out, err := show(t, path, Options{Tail: &tail})
		if !strings.HasSuffix(all, out) || !strings.HasSuffix(allErr, err) {
			t.Errorf("%q is not the end of %q, or %q of %q", out, all, err, allErr)
		}
		if len(all)+len(allErr) > len(older)+len(newer)+2 {
			t.Errorf("%d bytes of %d", len(all)+len(allErr), len(older)+len(newer))
		}
		show(t, path, Options{Timestamps: true, Since: time.Unix(1e9, 0), Until: time.Unix(2e9, 0), Prefix: "p"})
	})
}

func BenchmarkRead(b *testing.B) {
	line := lines("o " + strings.Repeat("x", 99))
	path := write(b, strings.Repeat(line, 1<<20))
	b.SetBytes(100 << 20)
	for b.Loop() {
		if err := Read(context.Background(), path, Options{Out: [2]io.Writer{io.Discard, io.Discard}}); err != nil {
			b.Fatal(err)
		}
	}
}
