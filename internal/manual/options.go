// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/cli"
)

// An option is what a page says of one flag.
type option struct {
	name    string
	heading string
	text    string
}

// options gives the flags of a command in the order of --help, first its own,
// then those that every command has.
func options(cmd *cobra.Command) (own, global []option) {
	shared := &cobra.Command{}
	cli.AddGlobals(shared)
	visit := func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		switch {
		case shared.PersistentFlags().Lookup(flag.Name) != nil:
			global = append(global, describe(flag))
		case cmd.HasParent() && cmd.Parent().PersistentFlags().Lookup(flag.Name) != nil: // the page has it once
		default:
			own = append(own, describe(flag))
		}
	}
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	all.AddFlagSet(cmd.Flags())
	all.AddFlagSet(cmd.PersistentFlags())
	all.VisitAll(visit)
	return own, global
}

func describe(flag *pflag.Flag) option {
	value, usage := pflag.UnquoteUsage(flag)
	if flag.Name == "help" {
		usage = "Print a short help"
	}
	heading := "#### "
	if flag.Shorthand != "" {
		heading += "**-" + flag.Shorthand + "**, "
	}
	heading += "**--" + flag.Name + "**"
	switch {
	case flag.Value.Type() == "bool" && flag.DefValue == "": // neither true nor false until it is set
		heading += "[=*true*|*false*]"
	case flag.Value.Type() == "bool":
	case flag.NoOptDefVal != "":
		heading += "[=*" + valueName(value) + "*]"
	default:
		heading += "=*" + valueName(value) + "*"
	}
	if !isZero(flag.DefValue) && !strings.Contains(usage, "(default") {
		usage += fmt.Sprintf(" (default: %s)", flag.DefValue)
	}
	return option{name: flag.Name, heading: heading, text: escape(strings.TrimSuffix(usage, ".")) + "."}
}

// valueName is the placeholder that the usage text names in back quotes, else
// a word for the kind of value.
func valueName(name string) string {
	switch name {
	case "string", "strings", "stringArray", "stringSlice":
		return "VALUE"
	case "int", "uint", "int64", "uint64", "uint32", "int32", "count":
		return "N"
	case "float", "float64":
		return "NUMBER"
	case "duration":
		return "DURATION"
	}
	return name
}

func isZero(value string) bool {
	switch value {
	case "", "0", "0s", "false", "[]":
		return true
	}
	return false
}

// escape keeps usage texts from being read as markup.
func escape(text string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "|", `\|`).Replace(text)
}
