// SPDX-License-Identifier: Apache-2.0

// Package house has no code: its tests keep the rules by which the project is
// built, each with the reason for it.
//
//	imports_test.go   which package may depend on which
//	source_test.go    what no source file may contain
//	layout_test.go    names of packages, sizes of files, licence lines
//
// Each rule is also shown something that breaks it, so that a rule which can
// no longer fail is noticed. Where a rule does not fit one place, a comment on
// that line or the one before it says so, and why:
//
//	// house: allow RULE: the reason
package house
