// SPDX-License-Identifier: Apache-2.0

package tug

import (
	"fmt"
	"sort"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

// A Verb is a program of this project. Its summary stands here so that the
// list needs to start no program; a test compares it with the program's own.
type Verb struct {
	Name    string
	Summary string
	// Inner programs are started by others; the list leaves them out.
	Inner bool
}

// Verbs are the programs that this version has.
func Verbs() []Verb {
	return []Verb{
		{Name: "attach", Summary: "Attach to a running container"},
		{Name: "auto-update", Summary: "Restart the units of containers whose image is newer"},
		{Name: "cleanup", Summary: "Unmount what containers that have ended still have mounted"},
		{Name: "commit", Summary: "Make an image of what a container has changed"},
		{Name: "copy", Summary: "Copy an image between registries, directories, archives and stores"},
		{Name: "cp", Summary: "Copy files between containers and the host"},
		{Name: "create", Summary: "Create a container without starting it"},
		{Name: "df", Summary: "Show what images, containers and volumes take of the disk"},
		{Name: "diff", Summary: "List the files that a container or an image has changed"},
		{Name: "doctor", Summary: "Say what this machine lacks for containers, and what mends it"},
		{Name: "events", Summary: "Show what happens to containers, images and volumes"},
		{Name: "exec", Summary: "Run a command in a running container"},
		{Name: "exists", Summary: "Tell by the exit code whether a container or an image is there"},
		{Name: "export", Summary: "Write the files of a container as a tar archive"},
		{Name: "gc", Summary: "Remove what belongs to nobody"},
		{Name: "healthcheck", Summary: "Run the health check of a container"},
		{Name: "history", Summary: "Show how an image was made"},
		{Name: "images", Summary: "List images"},
		{Name: "import", Summary: "Make an image of the files in a tar archive"},
		{Name: "info", Summary: "Show the facts of this machine and its store"},
		{Name: "inspect", Summary: "Show what is known of containers and images"},
		{Name: "inspect-remote", Summary: "Show an image where it is, without fetching its layers", Inner: true},
		{Name: "kill", Summary: "Send a signal to containers"},
		{Name: "load", Summary: "Load images from an archive or a directory"},
		{Name: "login", Summary: "Log in to a registry"},
		{Name: "logout", Summary: "Remove the credentials of a registry"},
		{Name: "logs", Summary: "Show what containers have written"},
		{Name: "mount", Summary: "Mount the files of containers or images, or list what is mounted"},
		{Name: "network", Summary: "Create, list, show and remove networks"},
		{Name: "pause", Summary: "Pause containers"},
		{Name: "port", Summary: "List the ports that a container publishes"},
		{Name: "prune", Summary: "Remove containers, images and volumes that are not used"},
		{Name: "ps", Summary: "List containers"},
		{Name: "pull", Summary: "Pull images from a registry into the store"},
		{Name: "push", Summary: "Push an image from the store to a registry"},
		{Name: "rename", Summary: "Give a container another name"},
		{Name: "restart", Summary: "Stop containers and start them again"},
		{Name: "rm", Summary: "Remove containers"},
		{Name: "rmi", Summary: "Remove images from the store"},
		{Name: "run", Summary: "Run a command in a new container"},
		{Name: "save", Summary: "Save images to an archive or a directory"},
		{Name: "start", Summary: "Start containers that are there"},
		{Name: "stats", Summary: "Show what containers use of the host"},
		{Name: "stop", Summary: "Stop containers"},
		{Name: "tag", Summary: "Give an image more names"},
		{Name: "top", Summary: "Show the processes of a container"},
		{Name: "umount", Summary: "Unmount the files of containers or images"},
		{Name: "unit", Summary: "Make systemd units of container files"},
		{Name: "unpause", Summary: "Let paused containers go on"},
		{Name: "unshare", Summary: "Run a program in the user namespace of the store"},
		{Name: "update", Summary: "Change limits and restart policy of a container"},
		{Name: "version", Summary: "Show the version"},
		{Name: "volume", Summary: "Create, list, show and remove volumes"},
		{Name: "wait", Summary: "Wait until containers end, and print their exit codes"},
	}
}

// builtin are the words that tug answers itself.
func builtin() []Verb {
	return []Verb{
		{Name: "completion", Summary: "Print a completion script for bash, zsh or fish"},
		{Name: "help", Summary: "List the verbs, or show the manual page of one"},
	}
}

// spellings are podman's ways to say a verb in two words.
func spellings(group string) map[string][]string {
	switch group {
	case "image":
		return map[string][]string{
			"diff":    {"diff", "--type=image"},
			"exists":  {"exists", "--type=image"},
			"history": {"history"},
			"import":  {"import"},
			"inspect": {"inspect", "--type=image"},
			"list":    {"images"},
			"load":    {"load"},
			"ls":      {"images"},
			"mount":   {"mount", "--type=image"},
			"prune":   {"prune", "--type=image"},
			"pull":    {"pull"},
			"push":    {"push"},
			"rm":      {"rmi"},
			"save":    {"save"},
			"tag":     {"tag"},
			"umount":  {"umount", "--type=image"},
			"unmount": {"umount", "--type=image"},
		}
	case "container":
		return map[string][]string{
			"attach":  {"attach"},
			"cleanup": {"cleanup"},
			"commit":  {"commit"},
			"cp":      {"cp"},
			"create":  {"create"},
			"diff":    {"diff", "--type=container"},
			"exec":    {"exec"},
			"exists":  {"exists", "--type=container"},
			"export":  {"export"},
			"inspect": {"inspect", "--type=container"},
			"kill":    {"kill"},
			"list":    {"ps"},
			"logs":    {"logs"},
			"ls":      {"ps"},
			"mount":   {"mount"},
			"pause":   {"pause"},
			"port":    {"port"},
			"prune":   {"prune", "--type=container"},
			"ps":      {"ps"},
			"rename":  {"rename"},
			"restart": {"restart"},
			"rm":      {"rm"},
			"run":     {"run"},
			"start":   {"start"},
			"stats":   {"stats"},
			"stop":    {"stop"},
			"top":     {"top"},
			"umount":  {"umount"},
			"unmount": {"umount"},
			"unpause": {"unpause"},
			"update":  {"update"},
			"wait":    {"wait"},
		}
	case "system":
		return map[string][]string{
			"df":    {"df"},
			"info":  {"info"},
			"prune": {"prune"},
			"reset": {"gc", "--reset"},
		}
	}
	return nil
}

func groups() []string { return []string{"container", "image", "system"} }

// respell turns what was typed into a verb, arguments that belong to it, the
// global options and the rest.
func respell(verb string, globals, rest []string) (target, allGlobals, words []string, err error) {
	if verb == "unmount" { // podman has both
		verb = "umount"
	}
	known := spellings(verb)
	if known == nil {
		return []string{verb}, globals, rest, nil
	}
	more, words, err := splitGlobals(rest)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(words) == 0 || known[words[0]] == nil {
		return nil, nil, nil, errclass.New(errclass.Usage, verb,
			fmt.Errorf("tug %s: say one of %s after it", verb, strings.Join(sortedKeys(known), ", ")))
	}
	return known[words[0]], append(globals, more...), words[1:], nil
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
