// SPDX-License-Identifier: Apache-2.0

// Package tug is the front program: "tug VERB" replaces itself, by exec(2),
// with the program tug-VERB, found beside tug or in PATH. Nothing stays
// between the caller and that program: descriptors, signals and the exit code
// are the program's own.
//
// What it adds is small: global options may stand before the verb, some of
// podman's two-word spellings are known ("tug image rm"), a typo gets a
// suggestion, "tug help" lists the verbs, and "tug completion" prints a script
// for the shell. It links nothing but the standard library, and it starts no
// program to make its list.
package tug
