// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

func TestBlocking(t *testing.T) {
	const table = `1: POSIX  ADVISORY  WRITE 11 fe:00:100 0 EOF
2: OFDLCK ADVISORY  WRITE -1 fe:00:101 0 EOF
2: -> OFDLCK ADVISORY  WRITE -1 fe:00:101 0 EOF
3: POSIX  ADVISORY  READ 12 00:2f:102 0 EOF
3: -> POSIX  ADVISORY  WRITE 13 00:2f:102 0 EOF
3: -> POSIX  ADVISORY  WRITE 14 00:2f:102 0 EOF
4: broken
4: -> POSIX  ADVISORY  WRITE 15 00:2f:103 0 EOF
`
	for self, want := range map[int]int{11: 0, 12: 0, 13: 12, 14: 12, 15: 0, 16: 0} {
		pid, inode, ok := blocking([]byte(table), self)
		if pid != want || ok != (want != 0) || ok && inode != 102 {
			t.Errorf("%d waits for %d, inode %d, %v", self, pid, inode, ok)
		}
	}
}
