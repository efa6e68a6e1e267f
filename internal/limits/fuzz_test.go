// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"testing"
)

func FuzzSize(f *testing.F) {
	for _, s := range []string{"0", "1", "10k", "1.5g", "64MiB", "9223372036854775807", "8388608t", "-1", "nan", "inf", "0x10", "1e3", ".5m", "1__0", "k"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if n, err := ParseSize("--memory", value); err == nil && n < 0 {
			t.Fatalf("%q: %d", value, n)
		}
	})
}
