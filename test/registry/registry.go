// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/tug-containers/tug/test/images"
	"golang.org/x/crypto/bcrypt"
)

// Options of a registry; the zero value is plain HTTP, open to all.
type Options struct {
	// TLS serves HTTPS with a certificate of a new authority: CertDir.
	TLS bool
	// Users are names and passwords; none: no authentication.
	Users map[string]string
	// Dir holds the data; it is made, and stays. Empty: a directory of its own,
	// removed by Stop.
	Dir string
}

// Registry is a running registry.
type Registry struct {
	// Host is 127.0.0.1:PORT.
	Host string
	// URL is http://HOST or https://HOST.
	URL string
	// CertDir holds ca.crt, for --cert-dir; empty without TLS.
	CertDir string
	// Client trusts the registry's certificate.
	Client *http.Client

	users map[string]string
	dir   string
	owned bool
	cmd   *exec.Cmd
	done  chan struct{}
}

// ErrMissing says that no registry program is installed.
var ErrMissing = errors.New("no docker-registry on this host: install docker-registry (Debian) or docker-distribution (Fedora)")

// Start starts a registry and waits until it answers.
func Start(ctx context.Context, opts Options) (*Registry, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	r := &Registry{users: opts.Users, dir: opts.Dir, done: make(chan struct{}), Client: &http.Client{}}
	if r.dir == "" {
		r.owned = true
		if r.dir, err = os.MkdirTemp("/var/tmp", "tug-registry-"); err != nil {
			return nil, err
		}
	}
	config, err := r.configure(opts)
	if err != nil {
		r.remove()
		return nil, err
	}
	port, err := r.launch(program, config)
	if err != nil {
		r.remove()
		return nil, err
	}
	r.Host = "127.0.0.1:" + port
	r.URL = "http://" + r.Host
	if opts.TLS {
		r.URL = "https://" + r.Host
	}
	if err := r.wait(ctx); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

func find() (string, error) {
	for _, name := range []string{"docker-registry", "registry"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", ErrMissing
}

func (r *Registry) configure(opts Options) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 0.1\nlog: {level: info, formatter: text}\n")
	fmt.Fprintf(&b, "storage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\n", filepath.Join(r.dir, "data"))
	fmt.Fprintf(&b, "http:\n  addr: 127.0.0.1:0\n")
	if opts.TLS {
		pair, err := r.certify()
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "  tls: {certificate: %q, key: %q}\n", pair+".crt", pair+".key")
	}
	if len(opts.Users) > 0 {
		var lines strings.Builder
		for name, password := range opts.Users {
			hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&lines, "%s:%s\n", name, hash)
		}
		path := filepath.Join(r.dir, "htpasswd")
		if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "auth: {htpasswd: {realm: tests, path: %q}}\n", path)
	}
	path := filepath.Join(r.dir, "config.yml")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

// launch starts the program and reads its port from its log: the kernel chose
// it, so two tests never meet.
func (r *Registry) launch(program, config string) (string, error) {
	stderr, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	defer stderr.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return "", err
	}
	r.cmd = exec.Command(program, "serve", config)
	r.cmd.Stdout, r.cmd.Stderr = write, write
	r.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "OTEL_TRACES_EXPORTER=none"}
	// The registry ends with its starter, however that ends. The signal hangs
	// on the starting thread, which therefore stays.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		defer close(r.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := r.cmd.Start()
		write.Close()
		started <- err
		if err == nil {
			_ = r.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		read.Close()
		return "", err
	}
	return r.port(read)
}

func (r *Registry) port(log *os.File) (string, error) {
	listening := regexp.MustCompile(`listening on 127\.0\.0\.1:([0-9]+)`)
	lines := bufio.NewScanner(log)
	var seen []string
	timer := time.AfterFunc(30*time.Second, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() {
				_, _ = io.Copy(io.Discard, log)
				log.Close()
			}()
			return m[1], nil
		}
		seen = append(seen, lines.Text())
	}
	log.Close()
	<-r.done
	return "", fmt.Errorf("start %s: %s", r.cmd.Path, strings.Join(seen, "\n"))
}

func (r *Registry) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+"/v2/", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := r.Client.Do(req)
		if err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("registry %s does not answer: %w", r.Host, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Stop ends the registry and waits for it.
func (r *Registry) Stop() error {
	err := r.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-r.done
	r.Client.CloseIdleConnections()
	return errors.Join(err, r.remove())
}

func (r *Registry) remove() error {
	if !r.owned {
		return nil
	}
	return os.RemoveAll(r.dir)
}

// Ref gives the full name of NAME:TAG in this registry.
func (r *Registry) Ref(name string) string { return r.Host + "/" + name }

// Upload puts an image there as NAME:TAG.
func (r *Registry) Upload(image *images.Built, name string) error {
	repo, tag, found := strings.Cut(name, ":")
	if !found {
		tag = "latest"
	}
	base, err := url.Parse(r.URL)
	if err != nil {
		return err
	}
	for user, password := range r.users {
		base.User = url.UserPassword(user, password)
		break
	}
	return image.Push(r.Client, base.String(), repo, tag)
}
