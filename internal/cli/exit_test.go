// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
)

func TestExitCode(t *testing.T) {
	notFound := fmt.Errorf("copy: %w", errclass.New(errclass.NotFound, "x", errors.New("x: no such image")))
	for _, tc := range []struct {
		name           string
		err            error
		podman, skopeo int
	}{
		{"success", nil, 0, 0},
		{"unclassified", errors.New("boom"), 125, 1},
		{"not found", notFound, 125, 2},
		{"authentication", fmt.Errorf("x: %w", errclass.Auth), 125, 3},
		{"network", fmt.Errorf("x: %w", errclass.Network), 125, 4},
		{"rate limit", fmt.Errorf("x: %w", errclass.RateLimit), 125, 4},
		{"verification", fmt.Errorf("x: %w", errclass.Verification), 125, 5},
		{"disk full", syscall.ENOSPC, 125, 1},
		{"chosen", fmt.Errorf("run: %w", &ExitError{Code: 7}), 7, 7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ExitCode(Podman, tc.err); got != tc.podman {
				t.Errorf("podman: %d, want %d", got, tc.podman)
			}
			if got := ExitCode(Skopeo, tc.err); got != tc.skopeo {
				t.Errorf("skopeo: %d, want %d", got, tc.skopeo)
			}
		})
	}
}

// run executes a command whose RunE returns err.
func run(ctx context.Context, err error, args ...string) (code int, stderr string) {
	cmd := &cobra.Command{Use: "tug-x", RunE: func(*cobra.Command, []string) error { return err }}
	AddGlobals(cmd)
	var out, errOut bytes.Buffer
	code = Run(ctx, cmd, args, &out, &errOut)
	return code, errOut.String()
}

func TestRunReportsOneLine(t *testing.T) {
	foreign := errclass.New(errclass.NotFound, "a\nb", errors.New("a\nb\x1b[31m: image not known"))
	code, stderr := run(t.Context(), foreign)
	if want := `Error: a\nb\x1b[31m: image not known` + "\n"; code != 125 || stderr != want {
		t.Errorf("exit %d, stderr %q; want 125, %q", code, stderr, want)
	}
	_, stderr = run(t.Context(), foreign, "--error-format=json")
	if want := `{"class":"not-found","object":"a\nb","message":"a\nb\u001b[31m: image not known"}` + "\n"; stderr != want {
		t.Errorf("stderr %q, want %q", stderr, want)
	}
}

func TestRunUsage(t *testing.T) {
	code, stderr := run(t.Context(), nil, "--no-such-flag", "--error-format", "json")
	if want := `{"class":"usage","object":"","message":"unknown flag: --no-such-flag"}` + "\n"; code != 125 || stderr != want {
		t.Errorf("exit %d, stderr %q; want 125, %q", code, stderr, want)
	}
	for _, arg := range []string{"--error-format=xml", "--log-level=loud"} {
		if code, stderr := run(t.Context(), nil, arg); code != 125 || stderr == "" {
			t.Errorf("%s: exit %d, stderr %q; want 125 and a line", arg, code, stderr)
		}
	}
}

func TestSignalDecidesUnlessTheCommandDid(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(signalled(syscall.SIGTERM))
	if code, _ := run(ctx, context.Canceled); code != 143 {
		t.Errorf("interrupted: exit %d, want 143", code)
	}
	if code, _ := run(ctx, &ExitError{Code: 3}); code != 3 {
		t.Errorf("chosen: exit %d, want 3", code)
	}
	if code, _ := run(ctx, nil); code != 0 {
		t.Errorf("finished: exit %d, want 0", code)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünïcode":       "plain ünïcode",
		"a\tb\nc\rd":          `a\tb\nc\rd`,
		"\x1b]52;c;x\x07":     `\x1b]52;c;x\x07`,
		"\x9b31m\u009b":       `\x9b31m\x9b`,
		"abc\u202edef":        `abc\u202edef`,
		"\x7f\x00":            `\x7f\x00`,
		"real \uFFFD, \xff":   "real \uFFFD, \\xff",
		"line\u2028separator": `line\u2028separator`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRunReportsShortLine(t *testing.T) {
	long := errors.New("reference x@" + strings.Repeat("é", 100_000) + ": invalid")
	code, stderr := run(t.Context(), long)
	if code != 125 || len(stderr) > 4100 || !utf8.ValidString(stderr) ||
		!strings.HasPrefix(stderr, "Error: reference x@é") || !strings.HasSuffix(stderr, "é: invalid\n") {
		t.Errorf("exit %d, %d bytes: %q", code, len(stderr), stderr)
	}
	_, stderr = run(t.Context(), errors.New("a\u009bb\x7f"), "--error-format=json")
	if !strings.Contains(stderr, `"a\u009bb\u007f"`) {
		t.Errorf("stderr %q", stderr)
	}
}
