// SPDX-License-Identifier: Apache-2.0

// Package globals has the options that every program takes. It links no store, for
// programs that have none.
package globals

import "github.com/spf13/cobra"

// Options are those that every program takes, before or after the verb.
type Options struct {
	Root          string
	RunRoot       string
	StorageDriver string
	StorageOpts   []string
	LogLevel      string
	Runtime       string
	ErrorFormat   string
}

// Args gives the options that were set as flags again, for a command of ours
// that this one starts.
func (g *Options) Args() []string {
	var args []string
	add := func(flag, value string) {
		if value != "" {
			args = append(args, flag+"="+value)
		}
	}
	add("--root", g.Root)
	add("--runroot", g.RunRoot)
	add("--storage-driver", g.StorageDriver)
	for _, opt := range g.StorageOpts {
		add("--storage-opt", opt)
	}
	if g.LogLevel != defaultLogLevel {
		add("--log-level", g.LogLevel)
	}
	return args
}

const defaultLogLevel = "warn"

// Add adds the flags to a command.
func (g *Options) Add(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.StringVar(&g.Root, "root", "", "`DIR` of the store (default: storage.conf)")
	f.StringVar(&g.RunRoot, "runroot", "", "`DIR` of the state that a reboot ends (default: storage.conf)")
	f.StringVar(&g.StorageDriver, "storage-driver", "", "`NAME` of the storage driver (default: storage.conf)")
	f.StringArrayVar(&g.StorageOpts, "storage-opt", nil, "Storage driver option, `NAME=VALUE`; can be repeated")
	f.StringVar(&g.LogLevel, "log-level", defaultLogLevel, "Log messages from this `LEVEL` on: trace, debug, info, warn, error, fatal, panic")
	f.StringVar(&g.Runtime, "runtime", "", "OCI runtime, a `NAME` or a path (default: the first that works of crun, runc)")
	f.StringVar(&g.ErrorFormat, "error-format", "text", "`FORM` of an error on stderr: text or json")
}
