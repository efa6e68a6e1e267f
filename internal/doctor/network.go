// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tug-containers/tug/libexec"
	"github.com/tug-containers/tug/libexec/network"
	"github.com/tug-containers/tug/libexec/network/cni"
	"golang.org/x/sys/unix"
)

// pasta is what gives a user's container a network.
func pasta(ctx context.Context, v *View) Finding {
	path := v.lookPath("pasta")
	if path == "" {
		if v.root() {
			return ok("not installed; root's default is a bridge")
		}
		return limited(v.install(packages{"passt", "passt", "passt", "passt", "passt"}),
			"not installed: containers of users need --network none or host")
	}
	if unix.Access("/dev/net/tun", unix.R_OK|unix.W_OK) != nil {
		command := v.sudo("modprobe tun")
		if _, err := os.Stat("/dev/net/tun"); err == nil {
			command = v.sudo("chmod 666 /dev/net/tun")
		}
		return limited(command, "%s needs /dev/net/tun, which cannot be opened", path)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return limited("", "%s --version: %v", path, err)
	}
	said, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return ok("%s: %s", path, said)
}

// nftables is what the bridge's port mapping and masquerading are made of. The
// question loads the module where it is one.
func nftables(_ context.Context, v *View) Finding {
	if !v.root() {
		return ok("users need none")
	}
	err := askNftables()
	switch {
	case err == nil:
		return ok("the kernel has it")
	case errors.Is(err, unix.EPERM):
		return broken("", "no right to ask the kernel (CAP_NET_ADMIN): bridges cannot be made")
	}
	return broken("modprobe nf_tables", "the kernel has none (%v): bridges have no masquerading and no ports", err)
}

// askNftables sends NFT_MSG_GETGEN, the shortest of nftables' questions.
func askNftables() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	timeout := unix.Timeval{Sec: 10}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		return err
	}
	// struct nlmsghdr and struct nfgenmsg, in the order of this machine.
	const length, getGen = 20, unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETGEN
	message := make([]byte, 0, length)
	message = binary.NativeEndian.AppendUint32(message, length)
	message = binary.NativeEndian.AppendUint16(message, getGen)
	message = binary.NativeEndian.AppendUint16(message, unix.NLM_F_REQUEST)
	message = append(message, make([]byte, 12)...)
	if err := unix.Sendto(fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n >= length && binary.NativeEndian.Uint16(answer[4:]) == unix.NLMSG_ERROR {
		if code := int32(binary.NativeEndian.Uint32(answer[16:])); code != 0 {
			return unix.Errno(-code)
		}
	}
	return nil
}

// cniPlugins looks for the programs that the networks of CNI name. Other networks
// work without.
func cniPlugins(_ context.Context, v *View) Finding {
	config, err := network.ReadConfig(libexec.RuntimeConfigFiles(v.getenv, v.uid))
	if err != nil {
		return limited("", "%s", oneLine(err))
	}
	dirs, plugins := config.CNIConfigDirs, config.CNIPluginDirs
	if len(dirs) == 0 {
		dirs = cni.ConfigDirs()
	}
	if len(plugins) == 0 {
		plugins = cni.PluginDirs()
	}
	var files []string
	for _, dir := range dirs {
		for _, suffix := range []string{".conflist", ".conf"} {
			found, _ := filepath.Glob(dir + "/*" + suffix)
			files = append(files, found...)
		}
	}
	if len(files) == 0 {
		return ok("no networks in %s", strings.Join(dirs, ", "))
	}
	install := v.install(packages{"containernetworking-plugins", "containernetworking-plugins", "cni-plugins", "cni-plugins", "cni-plugins"})
	for _, file := range files {
		types, err := pluginTypes(file)
		if err != nil {
			return limited("", "%s: %s", file, oneLine(err))
		}
		for _, name := range types {
			if !hasPlugin(plugins, name) {
				return limited(install, "%s names the plugin %q, which is not installed", file, name)
			}
		}
	}
	return ok("%d in %s, with their plugins", len(files), strings.Join(dirs, ", "))
}

func pluginTypes(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	type plugin struct {
		Type string `json:"type"`
		IPAM struct {
			Type string `json:"type"`
		} `json:"ipam"`
	}
	var list struct {
		plugin
		Plugins []plugin `json:"plugins"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, err
	}
	var types []string
	for _, p := range append(list.Plugins, list.plugin) {
		types = append(types, p.Type, p.IPAM.Type)
	}
	return slices.DeleteFunc(types, func(s string) bool { return s == "" }), nil
}

func hasPlugin(dirs []string, name string) bool {
	if strings.ContainsRune(name, '/') || name == "." || name == ".." {
		return false
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		return unix.Access(filepath.Join(dir, name), unix.X_OK) == nil
	})
}
