// SPDX-License-Identifier: Apache-2.0

// Command ready is a service in a container that says by itself when it is ready:
// when there is a file /tmp/go. Where the manager has a watchdog, it says that it
// lives until there is a file /tmp/hang.
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
		time.Sleep(100 * time.Millisecond)
		if _, err := os.Stat("/tmp/hang"); err != nil && os.Getenv("WATCHDOG_USEC") != "" {
			_ = sdnotify.Send(os.Getenv(sdnotify.Env), "WATCHDOG=1")
		}
	}
}
