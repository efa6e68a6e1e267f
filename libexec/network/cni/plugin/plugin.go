// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/libexec/network/cni"
)

const longestRequest = 8 << 20

// longestWait is how long one waits for plugins at work.
const longestWait = 5 * time.Minute

// Main reads a request, carries it out and writes the response. What went wrong
// with the plugins is in the response; the error is for what went wrong with these.
func Main(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	var q cni.Request
	if err := json.NewDecoder(io.LimitReader(stdin, longestRequest)).Decode(&q); err != nil {
		return errclass.New(errclass.Usage, "request", fmt.Errorf("request: %w", err))
	}
	r, err := Do(ctx, &q)
	if err != nil {
		class, _ := errclass.Of(err)
		r = cni.Response{Class: class, Message: err.Error()}
	}
	return json.NewEncoder(stdout).Encode(r)
}

// Do carries out a request. For one container it is alone: who takes it away waits
// until it is there.
func Do(ctx context.Context, q *cni.Request) (r cni.Response, err error) {
	list, err := libcni.NetworkConfFromBytes(q.Config)
	if err != nil {
		return r, errclass.New(errclass.Usage, "configuration", err)
	}
	e := &executor{timeout: q.Timeout}
	c := libcni.NewCNIConfigWithCacheDir(q.PluginDirs, q.CacheDir, e)
	if q.Op == cni.GC {
		return r, collect(ctx, c, list, q)
	}
	unlock, err := lock(ctx, q)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	rt := &libcni.RuntimeConf{
		ContainerID: q.ContainerID, NetNS: q.Netns, IfName: q.Interface, Args: q.Args, CapabilityArgs: q.Capabilities,
	}
	switch q.Op {
	case cni.Add:
		result, err := c.AddNetworkList(ctx, list, rt)
		if err != nil {
			return r, err
		}
		return convert(result, q.Interface)
	case cni.Del:
		return r, remove(ctx, c, e, list, q, rt)
	case cni.Check:
		old, err := version.GreaterThanOrEqualTo(list.CNIVersion, "0.4.0")
		if err != nil || !old || list.DisableCheck {
			return r, err
		}
		return r, c.CheckNetworkList(ctx, list, rt)
	}
	return r, errclass.New(errclass.Usage, q.Op, fmt.Errorf("operation %q: not one of this program", q.Op))
}

// lock makes the requests for one container wait for each other.
func lock(ctx context.Context, q *cni.Request) (unlock func() error, err error) {
	if err := os.MkdirAll(q.CacheDir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(q.CacheDir, q.ContainerID+".lock")
	ctx, cancel := context.WithTimeoutCause(ctx, longestWait, fmt.Errorf("for %v", longestWait))
	defer cancel()
	for {
		f, err := ondisk.Lock(ctx, path, 0o600)
		if errors.Is(err, os.ErrNotExist) {
			continue // who had it has removed it
		}
		if err != nil {
			return nil, fmt.Errorf("container %s: its plugins are at work: %w", q.ContainerID, err)
		}
		return func() error { return errors.Join(os.Remove(path), f.Close()) }, nil
	}
}

// remove goes on with the other plugins when one fails, so that as little as can be
// is left, and tries each a second time. What ADD had answered is forgotten at the end, and not when it is needed
// for another try.
func remove(ctx context.Context, c *libcni.CNIConfig, e *executor, list *libcni.NetworkConfigList, q *cni.Request, rt *libcni.RuntimeConf) error {
	cache := filepath.Join(q.CacheDir, "results", list.Name+"-"+rt.ContainerID+"-"+rt.IfName)
	answer, err := os.ReadFile(cache)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	for i := len(list.Plugins) - 1; i >= 0; i-- {
		one := *list
		one.Plugins = list.Plugins[i : i+1]
		derr := c.DelNetworkList(ctx, &one, rt)
		if derr != nil && !e.hung && ctx.Err() == nil {
			// After a flush of the firewall the plugin bridge removes the interface, and then
			// misses a rule; it misses nothing when there is no interface.
			derr = c.DelNetworkList(ctx, &one, rt)
		}
		if answer == nil && errors.Is(derr, errclass.NotFound) {
			derr = nil // ADD did not come to its end, and this plugin was never there
		}
		err = errors.Join(err, derr)
		if answer != nil && (i > 0 || err != nil) {
			err = errors.Join(err, ondisk.Replace(cache, answer, 0o600, false))
		}
	}
	return err
}

// collect is GC, of the version that has it; before, what we know of is deleted.
func collect(ctx context.Context, c *libcni.CNIConfig, list *libcni.NetworkConfigList, q *cni.Request) error {
	args := &libcni.GCArgs{ValidAttachments: []types.GCAttachment{}}
	for _, a := range q.Valid {
		args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: a.ContainerID, IfName: a.Interface})
	}
	return c.GCNetworkList(ctx, list, args)
}

// convert takes of a result what concerns the interface in the container.
func convert(result types.Result, name string) (cni.Response, error) {
	var r cni.Response
	res, err := current.NewResultFromResult(result)
	if err != nil {
		return r, fmt.Errorf("result: %w", err)
	}
	mine := func(index *int) bool {
		return index == nil || *index >= 0 && *index < len(res.Interfaces) && res.Interfaces[*index] != nil &&
			res.Interfaces[*index].Sandbox != "" && res.Interfaces[*index].Name == name
	}
	for i := range res.Interfaces {
		if mine(&i) {
			r.MAC = res.Interfaces[i].Mac
		}
	}
	for _, ip := range res.IPs {
		if ip == nil || !mine(ip.Interface) {
			continue
		}
		if p, ok := prefix(ip.Address); ok {
			r.Addresses = append(r.Addresses, p)
		}
		if g, ok := netip.AddrFromSlice(ip.Gateway); ok {
			r.Gateways = append(r.Gateways, g.Unmap())
		}
	}
	for _, server := range res.DNS.Nameservers {
		if a, err := netip.ParseAddr(server); err == nil {
			r.Nameservers = append(r.Nameservers, a)
		}
	}
	r.Search = res.DNS.Search
	return r, nil
}

func prefix(n net.IPNet) (netip.Prefix, bool) {
	a, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if !ok || bits == 0 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(a.Unmap(), ones), true
}
