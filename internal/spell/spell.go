// SPDX-License-Identifier: Apache-2.0

// Package spell finds what was probably meant.
package spell

// Closest gives the name that is nearest to what was typed, or "" when none is near.
func Closest(typed string, names []string) string {
	most := 2
	if len(typed) < 5 {
		most = 1 // "push" is not a typo of "pull"
	}
	best, distance := "", most+1
	for _, name := range names {
		if d := edits(typed, name); d > 0 && d < distance && d < len(typed) {
			best, distance = name, d
		}
	}
	return best
}

// edits counts the letters to insert, delete, change or swap with their
// neighbour, to make b of a.
func edits(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
