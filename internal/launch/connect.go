// SPDX-License-Identifier: Apache-2.0

package launch

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libstorage"
	"golang.org/x/sys/unix"
)

// Connect puts a container on one network more: one that runs at once, and at all
// starts to come. Of one that an attached `run --rm` holds there are none.
func Connect(ctx context.Context, store *libstorage.Store, set *network.Set, c *libstorage.ContainerInfo, want network.Attachment) error {
	config, err := own(c)
	if err != nil {
		return err
	}
	n, err := set.Find(ctx, want.Network)
	if err != nil {
		return err
	}
	want.Network = n.Name
	if slices.ContainsFunc(config.Networks, isOn(n.Name)) {
		return errclass.New(errclass.Conflict, c.Record.Name, fmt.Errorf("container %s: it is on network %s already", c.Record.Name, n.Name))
	}
	live := c.Record.State() == libstorage.Running
	if live {
		if err := sameNamespace(set, c); err != nil {
			return err
		}
		of := network.Container{ID: c.Record.ID, Name: c.Record.Name, Hostname: config.Exec.Hostname, DNS: addresses(config.Exec.DNS.Servers)}
		if _, err := set.Setup(ctx, of, []network.Attachment{want}); err != nil {
			return err
		}
		if err := retell(ctx, store, set, c, &config, n.Name, nil); err != nil {
			return errors.Join(err, set.Leave(context.WithoutCancel(ctx), c.Record.ID, n.Name))
		}
	}
	err = remember(ctx, store, c, func(config *Config) error {
		if !slices.ContainsFunc(config.Networks, isOn(n.Name)) {
			config.Networks = append(config.Networks, want)
		}
		return nil
	})
	if err != nil && live {
		return errors.Join(err, set.Leave(context.WithoutCancel(ctx), c.Record.ID, n.Name))
	}
	if err == nil {
		noteNetwork(store, "connect", &network.Joined{Network: n.Name, Container: network.Container{ID: c.Record.ID, Name: c.Record.Name}})
	}
	return err
}

// Disconnect takes a container off a network, at once and for all starts to come.
// With force it does so for one that is gone, or damaged, too.
func Disconnect(ctx context.Context, store *libstorage.Store, set *network.Set, c *libstorage.ContainerInfo, name string, force bool) error {
	config, err := own(c)
	if err != nil && !force {
		return err
	}
	if n, err := set.Lookup(name); err == nil {
		name = n.Name
	} else if !force {
		return err
	}
	if !slices.ContainsFunc(config.Networks, isOn(name)) && !force {
		return errclass.New(errclass.NotFound, c.Record.Name, fmt.Errorf("container %s: it is not on network %s", c.Record.Name, name))
	}
	left, err := leaveNetwork(ctx, store, set, c, &config, name)
	if err != nil {
		return err
	}
	if c.Err == nil {
		err = remember(ctx, store, c, func(config *Config) error {
			config.Networks = slices.DeleteFunc(config.Networks, isOn(name))
			return nil
		})
	}
	if left || err == nil {
		noteNetwork(store, "disconnect", &network.Joined{Network: name, Container: network.Container{ID: c.Record.ID, Name: c.Record.Name}})
	}
	return err
}

// leaveNetwork tells whether the container was on it.
func leaveNetwork(ctx context.Context, store places, set *network.Set, c *libstorage.ContainerInfo, config *Config, name string) (bool, error) {
	on, err := set.On(name)
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(on, func(j network.Joined) bool { return j.Container.ID == c.Record.ID })
	if i < 0 {
		return false, nil
	}
	if err := set.Leave(ctx, c.Record.ID, name); err != nil {
		return true, err
	}
	return true, retell(ctx, store, set, c, config, name, &on[i])
}

// retell has the files of a container say what is true now that it has come to a
// network, or has left it: who it is there, who else is, and whom to ask.
func retell(ctx context.Context, store places, set *network.Set, c *libstorage.ContainerInfo, config *Config, name string, left *network.Joined) error {
	on, err := set.Of(c.Record.ID)
	if err != nil {
		return err
	}
	changed := left
	if left == nil {
		i := slices.IndexFunc(on, func(j network.Joined) bool { return j.Network == name })
		if i < 0 {
			return nil // it has left again
		}
		changed = &on[i]
		err = introduce(ctx, store, set, on[i:i+1])
	} else {
		err = forget(ctx, store, set, []network.Joined{*left})
	}
	lines := ""
	if left == nil {
		lines = hostsLine(changed)
	}
	return errors.Join(err, alone(ctx, store, func() error {
		err := editHosts(store, c.Record.ID, c.Record.ID, name, lines)
		if err != nil || !changed.DNS {
			return err
		}
		conf, err := libexec.ResolvConf(knowing(config.Exec.DNS, on))
		if err != nil {
			return err
		}
		return editFile(filepath.Join(store.RunRoot(), "tug", c.Record.ID, "resolv.conf"), func(string) string { return conf })
	}))
}

// own gives how a container was asked for, when it has networks that can change.
func own(c *libstorage.ContainerInfo) (Config, error) {
	if c.Err != nil {
		return Config{}, c.Err
	}
	config, err := ReadConfig(c)
	if err == nil && (config.NetworkOf != "" || config.Exec.Network.Mode != "" || slices.ContainsFunc(config.Networks, isOn(network.Pasta))) {
		err = errclass.New(errclass.Conflict, c.Record.Name, fmt.Errorf(
			"container %s: it has no network of its own that could be changed", c.Record.Name))
	}
	return config, err
}

// sameNamespace refuses a container whose namespace is mounted no more: what is
// there, or would be made, is none that it sees.
func sameNamespace(set *network.Set, c *libstorage.ContainerInfo) error {
	var kept, has unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", c.Record.Pid), &has)
	if err == nil {
		err = unix.Stat(set.NetnsPath(c.Record.ID), &kept)
	}
	if err == nil && (kept.Ino != has.Ino || kept.Dev != has.Dev) {
		err = errors.New("it is another one")
	}
	if err != nil {
		return errclass.New(errclass.Conflict, c.Record.Name, fmt.Errorf(
			"container %s: its network namespace is not at %s any more: %w; restart the container", c.Record.Name, set.NetnsPath(c.Record.ID), err))
	}
	return nil
}

func isOn(name string) func(network.Attachment) bool {
	return func(a network.Attachment) bool { return a.Network == name }
}

// NetworkWishes are the IDs of the containers that will be on a network when they
// start, by its name.
func NetworkWishes(ctx context.Context, store *libstorage.Store) (map[string][]string, error) {
	containers, err := store.Containers(ctx)
	if err != nil {
		return nil, err
	}
	wishes := map[string][]string{}
	for i := range containers {
		c := &containers[i]
		if c.Err != nil {
			continue
		}
		config, err := ReadConfig(c)
		if err != nil {
			continue // nobody can start it
		}
		for _, a := range config.Networks {
			wishes[a.Network] = append(wishes[a.Network], c.Record.ID)
		}
	}
	return wishes, nil
}
