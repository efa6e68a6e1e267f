// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"runtime"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/types"
)

// Access says how registries are reached. The zero value is what the
// configuration files of the machine and of the user say.
type Access struct {
	// AuthFile has the credentials instead of the default places.
	AuthFile string
	// DockerConfig is a config.json of Docker's with the credentials, in place
	// of AuthFile.
	DockerConfig string
	// Credentials, as USER:PASSWORD, are used instead of any file.
	Credentials string
	// Token is a bearer token, used instead of credentials.
	Token string
	// Anonymous uses no credentials, also where there are some.
	Anonymous bool
	// CertDir has ca.crt, client.cert and client.key instead of certs.d.
	CertDir string
	// TLSVerify false allows plain HTTP and any certificate; nil is what
	// registries.conf says.
	TLSVerify *bool
	// RegistriesConf and RegistriesConfDir replace registries.conf and the
	// directory of its additions.
	RegistriesConf    string
	RegistriesConfDir string
	// RegistriesDir replaces registries.d, which says where signatures are.
	RegistriesDir string
	// Policy is the file of the signature policy instead of policy.json.
	Policy string
	// DockerHost is the socket of a Docker daemon, as unix://PATH or tcp://HOST:PORT,
	// for docker-daemon:; "" is unix:///var/run/docker.sock.
	DockerHost string
	// TokenHosts may get the password of a registry of another domain.
	TokenHosts []string
	// Idle is how long the other side may be silent; 0 is one minute.
	Idle time.Duration
	// MaxAnswer is by how many bytes the heap may grow while a small request
	// is made: a manifest, a token, a list. The library below reads the body
	// of an error whatever its length. 0 is 1 GiB; a program that does one
	// thing at a time can have much less, such as 48 MiB.
	MaxAnswer uint64
	// Warn gets what a person should know though it stops nothing.
	Warn func(message string)
}

// Platform says for which machine an image is to be. Empty fields are this
// machine's.
type Platform struct {
	OS, Architecture, Variant string
}

const defaultIdle = time.Minute

func (a Access) idle() time.Duration {
	if a.Idle > 0 {
		return a.Idle
	}
	return defaultIdle
}

func (a Access) warn(message string) {
	if a.Warn != nil {
		a.Warn(message)
	}
}

// system gives the same in the words of containers/image.
func (a Access) system() (*types.SystemContext, error) {
	sys := &types.SystemContext{
		AuthFilePath:                a.AuthFile,
		DockerCompatAuthFilePath:    a.DockerConfig,
		DockerBearerRegistryToken:   a.Token,
		DockerCertPath:              a.CertDir,
		OCICertPath:                 a.CertDir,
		SystemRegistriesConfPath:    a.RegistriesConf,
		SystemRegistriesConfDirPath: a.RegistriesConfDir,
		RegistriesDirPath:           a.RegistriesDir,
		SignaturePolicyPath:         a.Policy,
		DockerDaemonHost:            a.DockerHost,
		DockerRegistryUserAgent:     "tug",
	}
	if a.TLSVerify != nil {
		sys.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*a.TLSVerify)
		sys.OCIInsecureSkipTLSVerify = !*a.TLSVerify
		sys.DockerDaemonInsecureSkipTLSVerify = !*a.TLSVerify
	}
	if a.AuthFile != "" && a.DockerConfig != "" {
		return nil, fail(errclass.Usage, a.AuthFile, "a file of credentials and one of Docker's cannot be used together")
	}
	switch {
	case a.Anonymous:
		if a.Credentials != "" || a.Token != "" {
			return nil, fail(errclass.Usage, "credentials", "credentials and no credentials cannot be asked for together")
		}
		sys.DockerAuthConfig = &types.DockerAuthConfig{}
	case a.Credentials != "":
		user, password, err := splitCredentials(a.Credentials)
		if err != nil {
			return nil, err
		}
		sys.DockerAuthConfig = &types.DockerAuthConfig{Username: user, Password: password}
	}
	return sys, nil
}

func splitCredentials(s string) (user, password string, err error) {
	user, password, _ = strings.Cut(s, ":")
	if user == "" || strings.ContainsAny(s, "\r\n\x00") {
		return "", "", fail(errclass.Usage, "credentials", "credentials must be USER:PASSWORD, in one line")
	}
	return user, password, nil
}

// ParsePlatform reads OS/ARCH, OS/ARCH/VARIANT or ARCH.
func ParsePlatform(s string) (Platform, error) {
	parts := strings.Split(s, "/")
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != "" {
			return Platform{}, fail(errclass.Usage, s, "platform %q: must be OS/ARCH or OS/ARCH/VARIANT", s)
		}
	}
	p := Platform{}
	switch len(parts) {
	case 1:
		p.Architecture = parts[0]
	case 2:
		p.OS, p.Architecture = parts[0], parts[1]
	case 3:
		p.OS, p.Architecture, p.Variant = parts[0], parts[1], parts[2]
	default:
		return Platform{}, fail(errclass.Usage, s, "platform %q: must be OS/ARCH or OS/ARCH/VARIANT", s)
	}
	return p.Normal(), nil
}

// Normal spells an architecture as image configs do.
func (p Platform) Normal() Platform {
	p.OS = strings.ToLower(p.OS)
	switch arch := strings.ToLower(p.Architecture); arch {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	case "i386", "i486", "i586", "i686":
		p.Architecture = "386"
	case "armhf":
		p.Architecture, p.Variant = "arm", "v7"
	case "armel":
		p.Architecture, p.Variant = "arm", "v6"
	default:
		p.Architecture = arch
	}
	if p.Architecture == "arm64" && p.Variant == "8" {
		p.Variant = "v8"
	}
	return p
}

func (p Platform) apply(sys *types.SystemContext) {
	sys.OSChoice, sys.ArchitectureChoice, sys.VariantChoice = p.OS, p.Architecture, p.Variant
}

// complete fills in what this machine is.
func (p Platform) complete() Platform {
	if p.OS == "" {
		p.OS = runtime.GOOS
	}
	if p.Architecture == "" {
		p.Architecture = runtime.GOARCH
	}
	return p
}

// String gives OS/ARCH or OS/ARCH/VARIANT.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}
