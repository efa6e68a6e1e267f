// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
	"github.com/tug-containers/tug/test/registry/hostile"
)

// newestLayer gives the digest of the last layer.
func newestLayer(t *testing.T, built *images.Built) string {
	t.Helper()
	var manifest v1.Manifest
	must(t, json.Unmarshal(built.Manifest, &manifest))
	return manifest.Layers[len(manifest.Layers)-1].Digest.String()
}

// endlessError refuses, and never stops to say why.
func endlessError(w http.ResponseWriter, r *http.Request, s *hostile.Server) {
	w.WriteHeader(http.StatusInternalServerError)
	zeros := make([]byte, 64<<10)
	for {
		if _, err := w.Write(zeros); err != nil {
			return
		}
	}
}

// circle redirects to the same place.
func circle(w http.ResponseWriter, r *http.Request, _ *hostile.Server) {
	http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
}

// interrupted starts a command that waits for the registry, looks that others
// are not kept waiting by it (U4), and ends it as a person would.
func (p *place) interrupted(t *testing.T, c call) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, c.args[0]), c.args[1:]...)
	cmd.Env = append(p.home.Environ(), "TMPDIR="+p.tmp)
	must(t, cmd.Start())
	time.Sleep(300 * time.Millisecond)
	for _, other := range [][]string{{"tug-images"}, {"tug-inspect", p.good}, starting(runtimes[0], p.good, "true")} {
		if r := p.run(t, other...); r.code != 0 || r.took > 20*time.Second {
			t.Errorf("U4: %s: exit code %d after %v: %s", r, r.code, r.took, r.stderr)
		}
	}
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	timer := time.AfterFunc(maxTime, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 128+int(syscall.SIGTERM) {
		t.Errorf("%s: after SIGTERM: %v", short(cmd.String()), cmd.ProcessState)
	}
}

// refusingWith refuses with a message in a registry's form.
func refusingWith(message string) hostile.Answer {
	return func(w http.ResponseWriter, _ *http.Request, _ *hostile.Server) {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": message, "message": message}}})
	}
}
