// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"encoding/json"
	"fmt"
	"syscall"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/monitor"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libstorage"
)

// Config is how a container was asked for: what its record keeps, so that it
// can be started again, and stopped as it wants to be.
type Config struct {
	// CreateCommand is the command line that made it, for people and tug-unit.
	CreateCommand []string `json:"createCommand,omitzero"`
	// StopSignal asks it to end. 0 is the image's or SIGTERM; in a record it is
	// the one that it is.
	StopSignal syscall.Signal `json:"stopSignal,omitzero"`
	// StopTimeout is the time between the stop signal and SIGKILL.
	StopTimeout time.Duration `json:"stopTimeout,omitzero"`
	// Timeout ends the container after that time; 0 is never.
	Timeout time.Duration `json:"timeout,omitzero"`
	// Interactive keeps its stdin open.
	Interactive bool `json:"interactive,omitzero"`
	// PIDFile is written for the caller at each start.
	PIDFile string `json:"pidFile,omitzero"`
	// Requires are containers that are started before it.
	Requires []string        `json:"requires,omitzero"`
	Log      monitor.Log     `json:"log,omitzero"`
	Restart  monitor.Restart `json:"restart,omitzero"`
	// Health is the health check; nil for the image's, if it has one.
	Health *HealthCheck `json:"health,omitzero"`
	// Service is the service that the container is; nil for none.
	Service *Service `json:"service,omitzero"`
	// Volumes are mounts that the store has a part in, beside Exec.Mounts.
	Volumes []Volume `json:"volumes,omitzero"`
	// UserNS is the container's user namespace.
	UserNS UserNS `json:"userNS,omitzero"`
	// Networks are those that it is put on. Without them Exec.Network says which it
	// has, or NetworkOf, which is another container.
	Networks  []network.Attachment `json:"networks,omitzero"`
	NetworkOf string               `json:"networkOf,omitzero"`
	// Ports are published on the first network.
	Ports []network.Port `json:"ports,omitzero"`
	// Expose are ports that are published with PublishAll, beside the image's.
	Expose []network.Port `json:"expose,omitzero"`
	// Exec is the rest. ID, Name, RunDir, the size of the terminal and the mounts
	// of Volumes are filled in at each start.
	Exec libexec.Options `json:"exec"`
}

// ReadConfig reads how a container was asked for.
func ReadConfig(c *libstorage.ContainerInfo) (Config, error) {
	config := Config{StopSignal: syscall.SIGTERM, StopTimeout: libexec.DefaultStopTimeout}
	if len(c.Record.Config) == 0 {
		return config, nil
	}
	if err := json.Unmarshal(c.Record.Config, &config); err != nil {
		return config, errclass.New(errclass.Internal, c.Record.ID, fmt.Errorf("container %s: how it was asked for: %w", c.Record.ID, err))
	}
	return config, nil
}
