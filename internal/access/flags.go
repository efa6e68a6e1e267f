// SPDX-License-Identifier: Apache-2.0

// Package access has the flags that say how a registry is reached, for the
// commands that reach one.
package access

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/tug-containers/tug/internal/cli"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

// Flags are those of one end of a transfer.
type Flags struct {
	prefix       string
	authFile     string
	dockerConfig string
	creds        string
	username     string
	password     string
	token        string
	certDir      string
	tlsVerify    tristate
	noCreds      bool
	daemonHost   string
	tokenHosts   []string
	// Shared are the flags without a prefix that hold for both ends, or nil.
	shared *Flags
	files  *Files
}

// Files are configuration files in other places than usual.
type Files struct {
	Policy         string
	RegistriesDir  string
	RegistriesConf string
}

// Add adds the flags of a command that reaches one registry.
func Add(cmd *cobra.Command) *Flags { return add(cmd, "signature-policy") }

func add(cmd *cobra.Command, policy string) *Flags {
	f := &Flags{files: addFiles(cmd, policy)}
	f.common(cmd.Flags())
	cmd.Flags().StringVar(&f.creds, "creds", "", "Credentials for the registry, `USER[:PASSWORD]`")
	return f
}

// AddBoth adds the flags of a command with two ends: --authfile and such for
// both, --src-... and --dest-... for one.
func AddBoth(cmd *cobra.Command) (src, dest *Flags) {
	shared := &Flags{files: addFiles(cmd, "policy")}
	fs := cmd.Flags()
	fs.StringVar(&shared.authFile, "authfile", "", "`FILE` with the credentials of registries")
	fs.StringArrayVar(&shared.tokenHosts, "token-host", nil, tokenHostUsage)
	shared.daemon(fs)
	src, dest = &Flags{prefix: "src-", shared: shared}, &Flags{prefix: "dest-", shared: shared}
	for _, end := range []*Flags{src, dest} {
		end.common(fs)
		end.single(fs)
		end.daemon(fs)
	}
	return src, dest
}

// AddLogin adds the flags of login.
func AddLogin(cmd *cobra.Command) *Flags {
	f := &Flags{files: &Files{}}
	f.common(cmd.Flags())
	f.addStored(cmd)
	return f
}

// AddFile adds the flags of logout, which asks no registry.
func AddFile(cmd *cobra.Command) *Flags {
	f := &Flags{files: &Files{}}
	cmd.Flags().StringVar(&f.authFile, "authfile", "", "`FILE` with the credentials of the registry")
	f.addStored(cmd)
	return f
}

func (f *Flags) addStored(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dockerConfig, "compat-auth-file", "", "`FILE` with the credentials, in the form of Docker's config.json")
	cmd.Flags().StringVar(&f.files.RegistriesConf, "registries-conf", "", "`FILE` with names, mirrors and settings of registries (default: registries.conf)")
}

// AddRemote adds the flags of a command that reads from one registry, with
// skopeo's names.
func AddRemote(cmd *cobra.Command) *Flags {
	f := add(cmd, "policy")
	f.rest(cmd.Flags())
	f.daemon(cmd.Flags())
	return f
}

const tokenHostUsage = "`HOST` that may get the password for a token, though it is of another domain than the registry; can be repeated"

func (f *Flags) common(fs *pflag.FlagSet) {
	of := map[string]string{"": "the registry", "src-": "the source", "dest-": "the destination"}[f.prefix]
	fs.StringVar(&f.authFile, f.prefix+"authfile", "", "`FILE` with the credentials of "+of)
	fs.StringVar(&f.certDir, f.prefix+"cert-dir", "", "`DIR` with CA and client certificates for "+of)
	fs.Var(&f.tlsVerify, f.prefix+"tls-verify", "Require HTTPS and a valid certificate of "+of+" (default: registries.conf, else true)")
	fs.Lookup(f.prefix + "tls-verify").NoOptDefVal = "true"
	if f.prefix == "" {
		fs.StringArrayVar(&f.tokenHosts, "token-host", nil, tokenHostUsage)
	}
}

func (f *Flags) single(fs *pflag.FlagSet) {
	of := map[string]string{"": "the registry", "src-": "the source", "dest-": "the destination"}[f.prefix]
	fs.StringVar(&f.creds, f.prefix+"creds", "", "Credentials for "+of+", `USER[:PASSWORD]`")
	f.rest(fs)
}

func (f *Flags) rest(fs *pflag.FlagSet) {
	of := map[string]string{"": "the registry", "src-": "the source", "dest-": "the destination"}[f.prefix]
	fs.StringVar(&f.username, f.prefix+"username", "", "User `NAME` for "+of)
	fs.StringVar(&f.password, f.prefix+"password", "", "`PASSWORD` for "+of)
	fs.StringVar(&f.token, f.prefix+"registry-token", "", "Bearer `TOKEN` for "+of)
	fs.BoolVar(&f.noCreds, f.prefix+"no-creds", false, "Use no credentials for "+of)
}

func (f *Flags) daemon(fs *pflag.FlagSet) {
	preset := "$DOCKER_HOST, unix:///var/run/docker.sock"
	if f.prefix != "" {
		preset = "--daemon-host"
	}
	fs.StringVar(&f.daemonHost, f.prefix+"daemon-host", "", "Docker daemon for docker-daemon:, a `URL` (default: "+preset+")")
}

func addFiles(cmd *cobra.Command, policy string) *Files {
	f := &Files{}
	fs := cmd.Flags()
	fs.StringVar(&f.Policy, policy, "", "`FILE` with the signature policy (default: policy.json)")
	fs.StringVar(&f.RegistriesDir, "registries.d", "", "`DIR` that says where signatures are (default: registries.d)")
	fs.StringVar(&f.RegistriesConf, "registries-conf", "", "`FILE` with names, mirrors and settings of registries (default: registries.conf)")
	return f
}

// CheckAuthFile refuses an --authfile that is not there, which a command that
// only reads it would take for an empty one.
func (f *Flags) CheckAuthFile() error {
	if f.authFile == "" {
		return nil
	}
	if _, err := os.Stat(f.authFile); err != nil {
		return errclass.New(errclass.Usage, f.authFile, fmt.Errorf("--authfile: %w", err))
	}
	return nil
}

// maxAnswer is enough for the largest manifest that is allowed, several times.
const maxAnswer = 48 << 20

// Access gives the library's form. warn gets warnings.
func (f *Flags) Access(warn io.Writer) (libimage.Access, error) {
	files := f.files
	if f.shared != nil {
		files = f.shared.files
	}
	a := libimage.Access{
		AuthFile: f.authFile, DockerConfig: f.dockerConfig, Credentials: f.creds, Token: f.token, Anonymous: f.noCreds, CertDir: f.certDir,
		DockerHost: f.daemonHost, MaxAnswer: maxAnswer, TLSVerify: f.tlsVerify.value, TokenHosts: f.tokenHosts,
		Policy: files.Policy, RegistriesDir: files.RegistriesDir, RegistriesConf: files.RegistriesConf,
		Warn: func(message string) { fmt.Fprintf(warn, "Warning: %s\n", cli.Printable(message)) },
	}
	if f.shared != nil {
		a.TokenHosts = f.shared.tokenHosts
		if a.AuthFile == "" {
			a.AuthFile = f.shared.authFile
		}
		if a.DockerHost == "" {
			a.DockerHost = f.shared.daemonHost
		}
	}
	if a.DockerHost == "" {
		a.DockerHost = os.Getenv("DOCKER_HOST")
	}
	if a.AuthFile == "" && a.DockerConfig == "" {
		a.AuthFile, a.DockerConfig = filesOfEnvironment()
	}
	if a.RegistriesConf == "" {
		a.RegistriesConf = os.Getenv("CONTAINERS_REGISTRIES_CONF")
	}
	if f.username != "" || f.password != "" {
		if f.creds != "" || f.username == "" {
			return a, errclass.New(errclass.Usage, "--"+f.prefix+"username",
				fmt.Errorf("--%susername and --%spassword go together, and not with --%screds", f.prefix, f.prefix, f.prefix))
		}
		a.Credentials = f.username + ":" + f.password
	}
	if env := os.Getenv("TUG_IDLE_TIMEOUT"); env != "" {
		idle, err := time.ParseDuration(env)
		if err != nil || idle <= 0 {
			return a, errclass.New(errclass.Usage, "TUG_IDLE_TIMEOUT", fmt.Errorf("TUG_IDLE_TIMEOUT %q: must be a duration, such as 30s", env))
		}
		a.Idle = idle
	}
	return a, nil
}

func filesOfEnvironment() (authFile, dockerConfig string) {
	if path := os.Getenv("REGISTRY_AUTH_FILE"); path != "" {
		return path, ""
	}
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return "", filepath.Join(dir, "config.json")
	}
	return "", ""
}

// tristate is a boolean flag that knows whether it was set.
type tristate struct{ value *bool }

func (t *tristate) String() string {
	if t.value == nil {
		return ""
	}
	return strconv.FormatBool(*t.value)
}

func (t *tristate) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return fmt.Errorf("%q: must be true or false", s)
	}
	t.value = &v
	return nil
}

func (t *tristate) Type() string { return "bool" }
