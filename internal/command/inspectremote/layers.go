// SPDX-License-Identifier: Apache-2.0

package inspectremote

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libimage"
	"golang.org/x/term"
)

const chartWidth = 24

// writeLayers lists the layers with their compressed sizes, the lowest first:
// with bars on a terminal, else as a table.
func writeLayers(w io.Writer, found *libimage.Inspected) error {
	t := cli.Table{Heading: []string{"LAYER", "SIZE", "TYPE"}}
	var largest int64
	for _, l := range found.Info.LayersData {
		largest = max(largest, l.Size)
	}
	f, ok := w.(*os.File)
	if chart := ok && term.IsTerminal(int(f.Fd())); chart {
		for i, l := range found.Info.LayersData {
			hex := l.Digest.Encoded()
			_, err := fmt.Fprintf(w, "%3d  %s  %8s  %s\n", i+1, chartBar(l.Size, largest), cli.Size(l.Size), hex[:min(len(hex), 12)])
			if err != nil {
				return err
			}
		}
		return nil
	}
	for _, l := range found.Info.LayersData {
		t.Add(l.Digest.String(), fmt.Sprint(l.Size), l.MIMEType)
	}
	return t.Write(w)
}

// chartBar draws a bar of whole characters; what is there at all has one.
func chartBar(size, largest int64) string {
	n := 0
	if largest > 0 && size > 0 {
		n = max(1, int(float64(size)/float64(largest)*chartWidth+0.5))
	}
	return strings.Repeat("█", n) + strings.Repeat(" ", chartWidth-n)
}
