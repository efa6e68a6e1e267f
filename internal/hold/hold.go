//go:build never

// Package hold keeps go.mod whole while the first packages are written.
package hold

import (
	_ "github.com/BurntSushi/toml"
	_ "github.com/containerd/console"
	_ "github.com/cyphar/filepath-securejoin/pathrs-lite"
	_ "github.com/distribution/reference"
	_ "github.com/docker/go-units"
	_ "github.com/klauspost/compress/zstd"
	_ "github.com/landlock-lsm/go-landlock/landlock"
	_ "github.com/moby/profiles/seccomp"
	_ "github.com/moby/sys/capability"
	_ "github.com/moby/sys/mountinfo"
	_ "github.com/moby/sys/user"
	_ "github.com/opencontainers/go-digest"
	_ "github.com/opencontainers/image-spec/specs-go/v1"
	_ "github.com/opencontainers/runtime-spec/specs-go"
	_ "github.com/opencontainers/runtime-tools/generate"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "github.com/sirupsen/logrus"
	_ "github.com/spf13/cobra/doc"
	_ "github.com/vbauerster/mpb/v8"
	_ "go.podman.io/common/pkg/auth"
	_ "go.podman.io/common/pkg/capabilities"
	_ "go.podman.io/common/pkg/retry"
	_ "go.podman.io/image/v5/copy"
	_ "go.podman.io/image/v5/signature"
	_ "go.podman.io/image/v5/transports/alltransports"
	_ "go.podman.io/storage"
	_ "golang.org/x/net/bpf"
	_ "golang.org/x/sync/errgroup"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/term"
)
