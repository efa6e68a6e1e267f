// SPDX-License-Identifier: Apache-2.0

// Package registry starts a real registry for a test: the docker-registry of
// the distribution, on a free port of the loopback interface, with TLS and
// passwords where they are asked for.
//
//	reg := registry.New(t, registry.Options{})
//	reg.Push(t, built, "busybox:latest")
//	// reg.Host is 127.0.0.1:PORT, reg.Ref("busybox:latest") a full name
//
// It ends with the test, by pid, and its data go with it. For wrong answers
// see the package hostile below.
package registry
