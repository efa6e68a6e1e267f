// SPDX-License-Identifier: Apache-2.0

package ps

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
)

// headings are those that are not the words of a field's name.
func headings() map[string]string {
	return map[string]string{
		"ID": "CONTAINER ID", "Id": "CONTAINER ID", "CreatedHuman": "CREATED",
		"Cgroup": "CGROUPNS", "User": "USERNS", "Pod": "POD ID", "PodName": "PODNAME",
	}
}

// print writes the list. --format goes before --quiet, as podman has it.
func (l *listing) print(w io.Writer, o options, format cli.Format) error {
	switch {
	case format.JSON:
		return cli.WriteJSON(w, slices.Grow(l.rows, 1)) // never null
	case !format.Default():
		items := make([]item, len(l.rows))
		for i, r := range l.rows {
			items[i] = item{r}
		}
		return cli.Write(w, format, items, !o.noHeading)
	case o.quiet:
		return l.printIDs(w)
	}
	return l.printTable(w, o)
}

// item is a row to a template, which takes the address of what it is given.
type item struct{ *row }

func (l *listing) printTable(w io.Writer, o options) error {
	t := cli.Table{}
	if !o.noHeading {
		t.Heading = []string{"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"}
		if o.namespaces {
			t.Heading = []string{"CONTAINER ID", "NAMES", "PID", "CGROUPNS", "IPC", "MNT", "NET", "PIDNS", "USERNS", "UTS"}
		}
		if o.size {
			t.Heading = append(t.Heading, "SIZE")
		}
	}
	for _, r := range l.rows {
		rec := &r.info.Record
		if o.namespaces {
			ns, pid := r.namespaces(), 0
			if r.status.Lives() {
				pid = rec.Pid
			}
			t.Add(r.id(), rec.Name, fmt.Sprint(pid), ns.Cgroup, ns.IPC, ns.MNT, ns.NET, ns.PIDNS, ns.User, ns.UTS)
			continue
		}
		cells := []string{r.id(), rec.ImageName, r.command(), r.created(), r.status.Text(l.now), published(r.ports()), rec.Name}
		if o.size {
			size, err := r.sizeText()
			if err != nil {
				return err
			}
			cells = append(cells, size)
		}
		t.Add(cells...)
	}
	return t.Write(w)
}

func (l *listing) printIDs(w io.Writer) error {
	var b strings.Builder
	for _, r := range l.rows {
		b.WriteString(r.id() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// order compares two rows. What is equal stays in the order of age.
type order func(a, b *row) int

func orderOf(key string) (order, error) {
	by := func(text func(*row) string) order {
		return func(a, b *row) int { return cmp.Compare(text(a), text(b)) }
	}
	switch key {
	case "created":
		return func(a, b *row) int { return 0 }, nil
	case "command":
		return by((*row).command), nil
	case "id":
		return by(func(r *row) string { return r.info.Record.ID }), nil
	case "image":
		return by(func(r *row) string { return r.info.Record.ImageName }), nil
	case "names":
		return by(func(r *row) string { return r.info.Record.Name }), nil
	case "runningfor":
		return func(a, b *row) int { return a.status.Started.Compare(b.status.Started) }, nil
	case "status":
		return by(func(r *row) string { return r.status.State }), nil
	case "size":
		return func(a, b *row) int { return cmp.Compare(a.whole(), b.whole()) }, nil
	}
	return nil, errclass.New(errclass.Usage, "--sort",
		fmt.Errorf("--sort %q: must be command, created, id, image, names, runningfor, size or status", key))
}

// whole is for sorting: printing tells what is wrong.
func (r *row) whole() int64 {
	if size, err := r.measure(); err == nil && size != nil {
		return size.Root
	}
	return -1
}

func (l *listing) sort(by order) { slices.SortStableFunc(l.rows, by) }
