// SPDX-License-Identifier: Apache-2.0

package errcode

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestErrorBody(t *testing.T) {
	for body, want := range map[string]error{
		`{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`:                              ErrorCodeManifestUnknown,
		`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`: ErrorCodeManifestUnknown,
		`{"errors":[{"code":"DENIED","message":"no"}]}`:                         Error{Code: ErrorCodeDenied, Message: "no"},
		`{"errors":[{"code":"MARTIAN"}]}`:                                       ErrorCodeUnknown,
	} {
		var errs Errors
		if err := json.Unmarshal([]byte(body), &errs); err != nil || len(errs) != 1 || errs[0] != want {
			t.Errorf("%s: %v %v", body, errs, err)
		}
		var coder ErrorCoder
		if !errors.As(fmt.Errorf("x: %w", errs[0]), &coder) || coder.ErrorCode() != want.(ErrorCoder).ErrorCode() {
			t.Errorf("%s: the code is lost", body)
		}
	}
	for _, body := range []string{`[]`, `"x"`, `{"errors":{}}`, `<html>`} {
		if err := json.Unmarshal([]byte(body), new(Errors)); err == nil {
			t.Errorf("%s: no error", body)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for code, d := range table {
		if d.Value == "" || seen[d.Value] {
			t.Errorf("code %d: value %q", code, d.Value)
		}
		seen[d.Value] = true
		var back ErrorCode
		if err := back.UnmarshalText([]byte(d.Value)); err != nil || back != ErrorCode(code) {
			t.Errorf("%s does not survive", d.Value)
		}
	}
	if ErrorCode(-1).Descriptor().Value != "UNKNOWN" {
		t.Error("a code out of range is not unknown")
	}
}
