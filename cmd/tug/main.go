// SPDX-License-Identifier: Apache-2.0

// Command tug runs tug-VERB, one program for each verb.
package main

import (
	"os"
	"syscall"

	"github.com/tug-containers/tug/internal/command/tug"
)

func main() {
	self, _ := os.Executable()
	front := tug.Front{
		Dirs:   tug.Places(self, os.Getenv("PATH")),
		Env:    os.Environ(),
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Exec:   syscall.Exec,
	}
	os.Exit(front.Run(os.Args[1:]))
}
