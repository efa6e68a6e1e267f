// SPDX-License-Identifier: Apache-2.0

// Command probe looks at the world from inside a container, and stands in for
// a runtime to see what that one is given:
//
//	probe fds             lists its descriptors, before anything is opened
//	probe open FILE       tries to read a file
//	probe write FILE...   tries to write to files, such as /proc/1/exe
//	probe watch DURATION  reads the links below /proc/PID/fd, exe, cwd of all
//	probe swap A B        exchanges two names, again and again
//	probe hold FILE       says "held" when it has the file's lock, and stands still
//
// With a file beside it that has its name and .conf, it is a runtime: the
// file's lines are the real runtime, a file for the report, and what to do to
// config.json ("" or "root").
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	self, _ := os.Executable()
	if config, err := os.ReadFile(self + ".conf"); err == nil {
		runtime(strings.Split(string(config), "\n"))
		return
	}
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	args := os.Args[2:]
	switch os.Args[1] {
	case "fds":
		fmt.Println(strings.Join(descriptors(), "\n"))
	case "open":
		_, err := os.ReadFile(args[0])
		fmt.Println(err)
	case "write":
		for _, name := range args {
			file, err := os.OpenFile(name, os.O_WRONLY, 0)
			if err == nil {
				_, err = file.WriteString("owned")
			}
			fmt.Println(name, err)
		}
	case "watch":
		watch(args[0])
	case "hold":
		hold(args[0])
	case "swap":
		for {
			_ = unix.Renameat2(unix.AT_FDCWD, args[0], unix.AT_FDCWD, args[1], unix.RENAME_EXCHANGE)
		}
	}
}

// hold takes the lock of a file as the storage library does.
func hold(name string) {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err == nil {
		err = unix.FcntlFlock(file.Fd(), unix.F_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("held")
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	time.Sleep(time.Hour) // another thread may be the one that the signal reaches first
}

// descriptors lists the open ones as NUMBER TARGET, but for the one of the
// listing.
func descriptors() []string {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return []string{err.Error()}
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	sort.Slice(names, func(i, j int) bool { return number(names[i]) < number(names[j]) })
	var list []string
	for _, name := range names {
		target, err := os.Readlink("/proc/self/fd/" + name)
		// Go itself polls, and reads the control group's share of the processors.
		own := strings.HasPrefix(target, "anon_inode:[event") || strings.HasPrefix(target, "/sys/fs/cgroup/")
		if err == nil && name != fmt.Sprint(dir.Fd()) && !own {
			list = append(list, name+" "+target)
		}
	}
	return list
}

func number(name string) int {
	n, _ := strconv.Atoi(name)
	return n
}

// watch prints each target that it can see of other processes, once.
func watch(duration string) {
	d, err := time.ParseDuration(duration)
	if err != nil {
		os.Exit(2)
	}
	fmt.Println("watching")
	seen := map[string]bool{}
	for end := time.Now().Add(d); time.Now().Before(end); {
		for _, pattern := range []string{"/proc/[0-9]*/fd/*", "/proc/[0-9]*/exe", "/proc/[0-9]*/cwd", "/proc/[0-9]*/root"} {
			names, _ := filepath.Glob(pattern)
			for _, name := range names {
				if target, err := os.Readlink(name); err == nil && !seen[target] {
					seen[target] = true
					fmt.Println(target)
				}
			}
		}
	}
}

// runtime writes a report of what it was given, and becomes the real runtime.
func runtime(config []string) {
	real, report, change := config[0], config[1], config[2]
	var b strings.Builder
	for _, line := range descriptors() {
		fmt.Fprintln(&b, "fd", line)
	}
	for _, entry := range os.Environ() {
		fmt.Fprintln(&b, "env", entry)
	}
	bundle := ""
	for i, arg := range os.Args {
		if value, ok := strings.CutPrefix(arg, "--bundle="); ok {
			bundle = value
		} else if arg == "--bundle" && i+1 < len(os.Args) {
			bundle = os.Args[i+1]
		}
	}
	if spec, err := os.ReadFile(filepath.Join(bundle, "config.json")); bundle != "" && err == nil {
		fmt.Fprintln(&b, "spec", string(spec))
		if change == "root" {
			spec := asRoot(string(spec))
			if err := os.WriteFile(filepath.Join(bundle, "config.json"), []byte(spec), 0o600); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}
	file, err := os.OpenFile(report, os.O_CREATE|os.O_APPEND|os.O_WRONLY|syscall.O_CLOEXEC, 0o600)
	if err == nil {
		_, err = file.WriteString(b.String())
	}
	if err == nil {
		err = syscall.Exec(real, append([]string{real}, os.Args[1:]...), os.Environ())
	}
	fmt.Fprintln(os.Stderr, "probe:", err)
	os.Exit(1)
}

// asRoot makes the process of a spec root's.
func asRoot(spec string) string {
	at := strings.Index(spec, `"user":{`)
	if at < 0 {
		return spec
	}
	end := strings.IndexByte(spec[at:], '}')
	return spec[:at] + `"user":{"uid":0,"gid":0` + spec[at+end:]
}
