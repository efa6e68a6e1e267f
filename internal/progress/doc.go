// SPDX-License-Identifier: Apache-2.0

// Package progress shows a person or a script how a pull or a copy comes
// along: bars on a terminal, a line every few seconds without one, or one JSON
// object for each event. It writes to stderr; stdout is for results.
//
//	display, err := progress.New(os.Stderr, progress.Auto, "Pulling")
//	defer display.Close()
//	opts.Progress = display.Event
package progress
