// SPDX-License-Identifier: Apache-2.0

// Command ready is a service in a container that says by itself when it is ready:
// when there is a file /tmp/go.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/tug-containers/tug/internal/sdnotify"
)

func main() {
	for {
		if _, err := os.Stat("/tmp/go"); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := sdnotify.Send(os.Getenv(sdnotify.Env), "READY=1", "STATUS=said from inside"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for {
		time.Sleep(time.Hour)
	}
}
