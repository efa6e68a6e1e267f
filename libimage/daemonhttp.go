// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
)

const (
	defaultDaemon  = "unix:///var/run/docker.sock"
	maxDaemonError = 64 << 10
	maxDaemonReply = 16 << 20
)

// daemonClient speaks to unix://PATH, tcp://HOST:PORT or http://HOST:PORT.
func daemonClient(host string) (*http.Client, string, error) {
	if host == "" {
		host = defaultDaemon
	}
	scheme, rest, ok := strings.Cut(host, "://")
	switch {
	case ok && scheme == "unix":
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", rest)
		}
		return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, "http://docker", nil
	case ok && (scheme == "tcp" || scheme == "http"):
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://" + strings.TrimSuffix(rest, "/"), nil
	}
	return nil, "", fail(errclass.Usage, host, "Docker daemon %q: must be unix://PATH or tcp://HOST:PORT", host)
}

// unreached says that a daemon does not answer: a socket that is not there is not
// an image that is not there.
func unreached(host string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return errclass.New(errclass.Network, host, err)
	}
	return err
}

func saveImage(ctx context.Context, host, name string, to io.Writer) error {
	client, base, err := daemonClient(host)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/images/"+url.PathEscape(name)+"/get", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return unreached(host, fmt.Errorf("ask the Docker daemon: %w", err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return daemonError(name, response)
	}
	if _, err := io.Copy(to, response.Body); err != nil {
		return fmt.Errorf("read from the Docker daemon: %w", err)
	}
	return nil
}

func loadImage(ctx context.Context, host, path string) error {
	client, base, err := daemonClient(host)
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/images/load?quiet=1", file)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-tar")
	response, err := client.Do(request)
	if err != nil {
		return unreached(host, fmt.Errorf("send to the Docker daemon: %w", err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return daemonError("load", response)
	}
	// The daemon says 200 before it has read everything; an error follows as
	// one of the JSON objects of the body.
	decoder := json.NewDecoder(io.LimitReader(response.Body, maxDaemonReply))
	for {
		var line struct {
			Error string `json:"error"`
		}
		err := decoder.Decode(&line)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the Docker daemon's answer: %w", err)
		}
		if line.Error != "" {
			return fmt.Errorf("the Docker daemon says: %s", line.Error)
		}
	}
}

func daemonError(name string, response *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxDaemonError)) // the status is the news
	var text struct {
		Message string `json:"message"`
	}
	_ = json.Unmarshal(body, &text)
	class := errclass.Internal
	switch {
	case response.StatusCode == http.StatusNotFound:
		class = errclass.NotFound
	case response.StatusCode >= 500:
		class = errclass.Network
	}
	return fail(class, name, "%s: the Docker daemon says %s: %s", name, response.Status, text.Message)
}
