// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tug-containers/tug/internal/ondisk"
	"golang.org/x/sys/unix"
)

// stageAge is how old a directory without a lock must be to be nobody's: who makes
// one locks it at once.
const stageAge = 10 * time.Second

// LockPulls takes part in the lock that everybody holds who puts layers into the
// store; it lasts until the file is closed. Who is alone first removes what killed
// ones have left.
func (s *Store) LockPulls() (*os.File, error) {
	if err := s.sweepStages(); err != nil {
		return nil, err
	}
	lock, err := s.openPulls()
	if err != nil {
		return nil, err
	}
	if err := flock(lock, unix.LOCK_SH); err != nil {
		return nil, errors.Join(fmt.Errorf("lock store %s: %w", s.root, err), lock.Close())
	}
	return lock, nil
}

func (s *Store) openPulls() (*os.File, error) {
	if err := os.MkdirAll(s.tug(""), 0o700); err != nil {
		return nil, fmt.Errorf("prepare the store: %w", err)
	}
	lock, err := os.OpenFile(s.tug("pull.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("prepare the store: %w", err)
	}
	return lock, nil
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

// sweepStages removes the stages that nobody holds.
func (s *Store) sweepStages() error {
	stages, err := s.stages()
	if err != nil || len(stages) == 0 {
		return err
	}
	for _, stage := range stages {
		if _, err := s.dropStage(stage); err != nil {
			return err
		}
	}
	return nil
}

// stages are the directories in which layers are unpacked before they are put
// into their places, and what else pulls have in the store.
func (s *Store) stages() ([]string, error) {
	driver, err := s.lib.GraphDriver()
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", s.root, err)
	}
	if driver.String() != "overlay" {
		return nil, nil
	}
	var all []string
	for _, dir := range driver.GetTempDirRootDirs() {
		parent := filepath.Join(filepath.Dir(dir), "staging")
		names, err := ondisk.Names(parent)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			all = append(all, filepath.Join(parent, name))
		}
	}
	// Who brings in a layer says so to others by a file.
	names, err := ondisk.Names(s.tug("pulling"))
	for _, name := range names {
		all = append(all, s.tug("pulling", name))
	}
	return all, err
}

// dropStage removes a stage if nobody has it.
func (s *Store) dropStage(dir string) (bool, error) {
	alone, err := s.onlyPull()
	if alone == nil || err != nil {
		return false, err
	}
	defer alone.Close()
	if !stageLeft(dir) {
		return false, nil
	}
	return true, os.RemoveAll(dir)
}

// onlyPull takes the lock of pulls when nobody else has it, else it gives nil.
func (s *Store) onlyPull() (*os.File, error) {
	lock, err := s.openPulls()
	if err == nil && flock(lock, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return nil, lock.Close()
	}
	return lock, err
}

// stageLeft tells a stage that nobody has, when it is none of ours: others lock a
// file in it. (Looking would take the lock from this very process.)
func stageLeft(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil {
		return false // somebody was quicker
	}
	if !info.IsDir() {
		return true
	}
	lock := filepath.Join(dir, "staging.lock")
	if _, err := os.Lstat(lock); err != nil {
		return time.Since(info.ModTime()) >= stageAge
	}
	return !lockHeld(lock)
}

// leftStages are layers that were being unpacked.
func (s *Store) leftStages(context.Context, CollectOptions) ([]Leftover, error) {
	stages, err := s.stages()
	if err != nil || len(stages) == 0 {
		return nil, err
	}
	alone, err := s.onlyPull()
	if alone == nil || err != nil {
		return nil, err
	}
	defer alone.Close()
	var left []Leftover
	for _, stage := range stages {
		if !stageLeft(stage) {
			continue
		}
		kind := "layer"
		if filepath.Dir(stage) == s.tug("pulling") {
			kind = "file"
		}
		left = append(left, Leftover{kind, stage, "its pull was not finished", func(context.Context) (bool, error) {
			return s.dropStage(stage)
		}})
	}
	return left, nil
}
