// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"strings"
	"testing"
)

func FuzzFile(f *testing.F) {
	for _, s := range []string{"A=b\n", "# c\nA\nB*\n", "\xef\xbb\xbfA=1\r\n", "*", "A=\x00", "=", " \t\n", "A B=c", "HOSTSECRET", "A\rB=c"} {
		f.Add([]byte(s))
	}
	ours := []string{"HOME=/h", "A=ours", "*=star", "=x"}
	f.Fuzz(func(t *testing.T, data []byte) {
		env, err := parseFile(data, func() []string { return ours })
		if err != nil {
			return
		}
		for _, entry := range env {
			name, _, found := strings.Cut(entry, "=")
			if !found || name == "" || strings.ContainsAny(name, "* \t\n\x00") || strings.IndexByte(entry, 0) >= 0 {
				t.Fatalf("entry %q of %q", entry, data)
			}
		}
	})
}
