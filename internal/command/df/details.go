// SPDX-License-Identifier: Apache-2.0

package df

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
)

// details writes three tables, as podman has them.
func (u *usage) details(stdout io.Writer) error {
	now := time.Now()
	images := cli.Table{Heading: []string{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"}}
	for _, img := range u.images.Images {
		names := img.Image.Names
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			repository, tag, _ := libstorage.SplitName(name)
			images.Add(orNone(repository), orNone(tag), short(img.Image.ID), age(img.Image.Created, now), cli.LongSize(img.Image.Size),
				cli.LongSize(img.Shared), cli.LongSize(img.Unique), strconv.Itoa(img.Containers))
		}
	}
	containers := cli.Table{Heading: []string{"CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"}}
	for _, c := range u.containers {
		r := &c.info.Record
		containers.Add(short(r.ID), short(r.ImageID), strings.Join(r.Command, " "), strconv.Itoa(len(r.Volumes)), cli.LongSize(c.size),
			age(r.Created, now), c.status.State, r.Name)
	}
	volumes := cli.Table{Heading: []string{"VOLUME NAME", "LINKS", "SIZE"}}
	for _, v := range u.volumes {
		volumes.Add(v.name, strconv.Itoa(v.users), cli.LongSize(v.size))
	}
	for i, part := range []struct {
		title string
		table *cli.Table
	}{{"Images", &images}, {"Containers", &containers}, {"Local Volumes", &volumes}} {
		if i > 0 {
			fmt.Fprintln(stdout)
		}
		if _, err := fmt.Fprintf(stdout, "%s space usage:\n\n", part.title); err != nil {
			return err
		}
		if err := part.table.Write(stdout); err != nil {
			return err
		}
	}
	return nil
}

func short(id string) string { return id[:min(len(id), 12)] }

func age(t, now time.Time) string { return strings.TrimSuffix(cli.Ago(t, now), " ago") }

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}
