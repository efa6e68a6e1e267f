// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/term"
)

// printLayers shows the layers of an image, the lowest first, with what made
// them: on a terminal as bars, else as a table for a script.
func printLayers(cmd *cobra.Command, s *libstorage.Store, id string) error {
	entries, err := s.History(cmd.Context(), id)
	if err != nil {
		return err
	}
	var layers []libstorage.HistoryEntry
	for i := len(entries) - 1; i >= 0; i-- {
		if entries[i].Layer != "" {
			layers = append(layers, entries[i])
		}
	}
	out := cmd.OutOrStdout()
	if columns := terminalWidth(out); columns > 0 {
		return drawLayers(out, layers, columns)
	}
	t := cli.Table{Heading: []string{"LAYER", "SIZE", "CREATED BY"}}
	for _, layer := range layers {
		t.Add(layer.Layer, fmt.Sprint(layer.Size), layer.CreatedBy)
	}
	return t.Write(out)
}

func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < 40 {
		return 40
	}
	return columns
}

const barWidth = 24

// drawLayers writes a line for each layer that fits the terminal.
func drawLayers(w io.Writer, layers []libstorage.HistoryEntry, columns int) error {
	var largest, total int64
	for _, layer := range layers {
		largest = max(largest, layer.Size)
		total += layer.Size
	}
	var b strings.Builder
	for i, layer := range layers {
		head := fmt.Sprintf("%3d  %s  %8s  %s  ", i+1, bar(layer.Size, largest), cli.Size(layer.Size), layer.Layer[:min(len(layer.Layer), 12)])
		text := []rune(cli.Printable(layer.CreatedBy))
		if room := columns - len([]rune(head)) - 1; len(text) > max(room, 0) {
			text = text[:max(room, 0)]
		}
		b.WriteString(strings.TrimRight(head+string(text), " ") + "\n")
	}
	fmt.Fprintf(&b, "     %s  %8s  in %s\n", strings.Repeat(" ", barWidth), cli.Size(total), count(len(layers)))
	_, err := io.WriteString(w, b.String())
	return err
}

// bar draws in eighths of a character; what is there at all has one.
func bar(size, largest int64) string {
	eighths := 0
	if largest > 0 && size > 0 {
		eighths = max(1, int(float64(size)/float64(largest)*barWidth*8+0.5))
	}
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune(" ▏▎▍▌▋▊▉")[rest])
	}
	return bar + strings.Repeat(" ", barWidth-len([]rune(bar)))
}

func count(layers int) string {
	if layers == 1 {
		return "1 layer"
	}
	return fmt.Sprintf("%d layers", layers)
}
