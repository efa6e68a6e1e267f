// SPDX-License-Identifier: Apache-2.0

// Package faults kills commands. Its test runs each of those that change
// containers under strace(1), which kills it before one system call that changes
// something, and then looks at the store: what was there is there, what was to
// come is there or is not, and after `tug gc` nothing is left that belongs to
// nobody.
//
// With FAULTS=all every such system call is tried, in each thread's order; that
// takes half an hour (`make faults`). Without it a few are chosen, by the seed
// that the test prints and FAULTS=SEED repeats.
package faults
