// SPDX-License-Identifier: Apache-2.0

package top

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// column is what can be shown of a process.
type column struct {
	heading string
	cell    func(p *process) string
}

// names lists the columns, but for their short forms.
func names() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(columns())), func(name string) bool { return name[0] == '%' })
}

// columns are podman's, by their names and by those of ps(1) as AIX has it.
func columns() map[string]column {
	status := func(heading, key string, i int, name func(o *owners, id string) string) column {
		return column{heading, func(p *process) string { return name(p.view.owners, p.nth(key, i)) }}
	}
	all := map[string]column{
		"args":    {"COMMAND", (*process).command},
		"capamb":  {"AMBIENT CAPS", func(p *process) string { return capabilities(p.status["CapAmb"]) }},
		"capbnd":  {"BOUNDING CAPS", func(p *process) string { return capabilities(p.status["CapBnd"]) }},
		"capeff":  {"EFFECTIVE CAPS", func(p *process) string { return capabilities(p.status["CapEff"]) }},
		"capinh":  {"INHERITED CAPS", func(p *process) string { return capabilities(p.status["CapInh"]) }},
		"capprm":  {"PERMITTED CAPS", func(p *process) string { return capabilities(p.status["CapPrm"]) }},
		"comm":    {"COMMAND", func(p *process) string { return p.comm }},
		"etime":   {"ELAPSED", func(p *process) string { return p.elapsed().String() }},
		"group":   status("GROUP", "Gid", 1, (*owners).group),
		"groups":  {"GROUPS", func(p *process) string { return each(p.status["Groups"], p.view.owners.group) }},
		"hgroup":  status("HGROUP", "Gid", 1, (*owners).hostGroup),
		"hgroups": {"HGROUPS", func(p *process) string { return each(p.status["Groups"], p.view.owners.hostGroup) }},
		"hpid":    {"HPID", func(p *process) string { return strconv.Itoa(p.pid) }},
		"huser":   status("HUSER", "Uid", 1, (*owners).hostUser),
		"label":   {"LABEL", (*process).label},
		"nice":    {"NI", func(p *process) string { return fmt.Sprint(p.field(19)) }},
		"pcpu":    {"%CPU", (*process).share},
		"pgid":    {"PGID", func(p *process) string { return last(p.status["NSpgid"]) }},
		"pid":     {"PID", func(p *process) string { return last(p.status["NSpid"]) }},
		"ppid":    {"PPID", (*process).parent},
		"rgroup":  status("RGROUP", "Gid", 0, (*owners).group),
		"rss":     {"RSS", func(p *process) string { return kilobytes(p.status["VmRSS"]) }},
		"ruser":   status("RUSER", "Uid", 0, (*owners).user),
		"seccomp": {"SECCOMP", (*process).seccomp},
		"state":   {"STATE", func(p *process) string { return p.stat[0] }},
		"stime": {"STIME", func(p *process) string {
			return p.started().Truncate(time.Second).Format("2006-01-02 15:04:05 -0700 MST")
		}},
		"time": {"TIME", func(p *process) string { return p.cpu().String() }},
		"tty":  {"TTY", (*process).tty},
		"user": status("USER", "Uid", 1, (*owners).user),
		"vsz":  {"VSZ", func(p *process) string { return fmt.Sprint(p.field(23) / 1024) }},
	}
	for short, name := range map[string]string{
		"%C": "pcpu", "%G": "group", "%P": "ppid", "%U": "user", "%a": "args", "%c": "comm", "%g": "rgroup", "%n": "nice",
		"%p": "pid", "%r": "pgid", "%t": "etime", "%u": "ruser", "%x": "time", "%y": "tty", "%z": "vsz",
	} {
		all[short] = all[name]
	}
	return all
}

// command is its arguments, or its name in brackets for one that has none.
func (p *process) command() string {
	if len(p.args) == 0 {
		return "[" + p.comm + "]"
	}
	return strings.Join(p.args, " ")
}

// parent is 0 for one whose parent is outside of the container.
func (p *process) parent() string {
	if pid := p.view.inside[int(p.field(4))]; pid != "" {
		return pid
	}
	return "0"
}

func (p *process) share() string {
	elapsed := p.elapsed()
	if elapsed == 0 {
		return "0.000"
	}
	return strconv.FormatFloat(100*float64(p.cpu())/float64(elapsed), 'f', 3, 64)
}

func (p *process) seccomp() string {
	switch p.status["Seccomp"] {
	case "0":
		return "disabled"
	case "1":
		return "strict"
	case "2":
		return "filter"
	}
	return "?"
}

func (p *process) label() string {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/attr/current")
	label := string(bytes.TrimRight(data, "\x00\n"))
	if err != nil || label == "" {
		return "?"
	}
	return label
}

func kilobytes(value string) string {
	if n, ok := strings.CutSuffix(value, " kB"); ok {
		return n
	}
	return "0"
}

// capabilities names the bits of a set.
func capabilities(hex string) string {
	set, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return "?"
	}
	known := strings.Fields("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE " +
		"NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE " +
		"SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND " +
		"AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE")
	var list []string
	full := uint64(1)<<len(known) - 1
	if set&full == full {
		return "full"
	}
	for bit, name := range known {
		if set&(1<<bit) != 0 {
			list = append(list, name)
		}
	}
	if len(list) == 0 {
		return "none"
	}
	slices.Sort(list)
	return strings.Join(list, ",")
}
