// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrNoReport says that a monitor ended without a word.
var ErrNoReport = errors.New("the monitor has ended without a report")

// Files are the descriptors that a monitor gets. Nil ones are /dev/null.
type Files struct {
	In, Out, Err *os.File
	// Connection is attached from the beginning.
	Connection *os.File
	Extra      []*os.File
}

// Spawn starts a monitor, a program of this package's protocol, and waits until
// the container has started or has not. The monitor is in a session of its own
// and lives on when this process ends. The files stay the caller's.
//
// Until it reports, the monitor bounds its own time by Config.StartTimeout.
func Spawn(program string, config Config, files Files) (Report, error) {
	var report Report
	config.Version, config.ExtraFiles = Version, len(files.Extra)
	data, err := json.Marshal(config)
	if err != nil {
		return report, err
	}
	told, err := memoryFile(data)
	if err != nil {
		return report, err
	}
	defer told.Close()
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return report, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return report, err
	}
	defer r.Close()
	list := []*os.File{files.In, files.Out, files.Err, told, w, files.Connection}
	list = append(list, files.Extra...)
	for i, file := range list {
		if file == nil {
			list[i] = null
		}
	}
	p, err := os.StartProcess(program, []string{"tug-monitor", config.ID}, &os.ProcAttr{
		Dir: "/", Files: list, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	w.Close()
	if err != nil {
		return report, fmt.Errorf("monitor: %w", err)
	}
	go func() { _, _ = p.Wait() }() // where we live longer than it does
	answer, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err == nil && len(answer) == 0 {
		err = ErrNoReport
	}
	if err == nil {
		err = json.Unmarshal(answer, &report)
	}
	if err != nil {
		return report, fmt.Errorf("monitor of container %s: %w", config.ID, err)
	}
	return report, nil
}

func memoryFile(data []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("tug-monitor", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "configuration")
	if _, err := f.WriteAt(data, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
