// SPDX-License-Identifier: Apache-2.0

// Package hostile is a registry that answers wrongly, request by request. It
// serves images from memory, correctly, but for what a rule changes:
//
//	srv := hostile.New(t, hostile.Options{})
//	name := srv.Add(built, "app:latest") // 127.0.0.1:PORT/app:latest
//	srv.On("GET", "/blobs/", hostile.Cut(1000)).Times(1)
//	... pull name ...
//	srv.Requests() // what was asked, in order
//
// A rule matches by method and by a part of the path; the first that matches,
// and is not used up, answers.
package hostile
