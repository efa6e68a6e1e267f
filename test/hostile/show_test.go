// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/test/images"
)

// rude has one of each that a terminal acts on: colours, a title, a link, the
// clipboard, a bell, a new line that forges a row, and text that runs backwards.
const rude = "x\x1b[31mred\x1b]0;title\x07\x1b]8;;http://evil/\x1b\\link\x1b]52;c;AAAA\x07\r\nforged  row\tb\u202eelif\u2066c\u009b2J\u2028\x7f\x00"

// TestN14 is what an image says of itself, printed.
func TestN14Metadata(t *testing.T) {
	t.Parallel()
	p := settle(t)
	i := image(func(c *v1.ImageConfig) {
		c.Labels = map[string]string{"label": rude, rude: "value"}
		c.Env = append(c.Env, "RUDE="+strings.TrimSuffix(rude, "\x00"))
		c.Cmd = []string{"echo", strings.TrimSuffix(rude, "\x00")}
		c.StopSignal = rude
		c.Volumes = map[string]struct{}{"/" + rude: {}}
		c.ExposedPorts = map[string]struct{}{rude: {}}
	}, images.File("more", 0o644, ""))
	i.Config.Author = rude
	i.Config.Variant = rude
	i.EditConfig = func(config map[string]any) {
		for _, entry := range config["history"].([]any) {
			for _, field := range []string{"created_by", "comment", "author"} {
				entry.(map[string]any)[field] = rude
			}
		}
		config["docker_version"] = rude
		config[rude] = rude
	}
	i.EditManifest = func(m *v1.Manifest) {
		m.Annotations = map[string]string{"a": rude, rude: "a"}
		m.ArtifactType = ""
	}
	p.try(t, "printed", func(t *testing.T) {
		name := p.add(t, "bad:latest", i)
		p.pull(t, name).works(t)
		layout := "oci:" + filepath.Join(p.tmp, "out") + ":latest"
		p.run(t, "tug-copy", "-q", "--src-tls-verify=false", "docker://"+name, layout).works(t)
		for _, args := range [][]string{
			{"tug-images"}, {"tug-images", "-a", "--no-trunc", "--digests"}, {"tug-images", "--format", "json"}, {"tug-images", "--format", "{{.}}"},
			{"tug-images", "--format", "table {{.Repository}} {{.ID}} {{.Size}}"},
			{"tug-inspect", name}, {"tug-inspect", "-f", "{{.Author}}", name}, {"tug-inspect", "-f", "{{.Config}}", name}, {"tug-inspect", "-f", "{{.History}}", name},
			{"tug-inspect", "-f", "{{json .}}", name}, {"tug-inspect", "-f", "{{.Config.Labels}} {{range .Config.Cmd}}{{.}}{{end}}", name},
			{"tug-inspect", "-f", "{{index .Config.Labels \"label\"}}", name}, {"tug-inspect", "--layers", name},
			{"tug-inspect", "--tls-verify=false", "docker://" + name}, {"tug-inspect", "--tls-verify=false", "--config", "docker://" + name},
			{"tug-inspect", layout}, {"tug-inspect", "-f", "{{.Labels}} {{.Env}}", layout},
			{"tug", "images"},
		} {
			r := p.run(t, args...)
			if r.code != 0 && !strings.Contains(r.stderr, "template") {
				t.Errorf("%s: exit code %d: %s", r, r.code, r.stderr)
			}
			if strings.Contains(r.stdout, "\nforged  row") {
				t.Errorf("U6: %s: a forged row: %q", r, short(r.stdout))
			}
		}
		for _, runtime := range runtimes {
			if r := p.start(t, runtime, "--stop-signal=TERM", name); r.code != 0 {
				r.fails(t, 125)
			}
		}
		p.discard(t, "out")
	})
	p.try(t, "in errors", func(t *testing.T) {
		name := p.have(t, i)
		p.run(t, "tug-run", "--rm", p.good, "no\x1b[31m\nsuch").fails(t, 127)
		p.run(t, "tug-run", "--rm", "--name=x\x1b[31m", p.good, "true").fails(t, 125)
		for _, args := range [][]string{
			{"tug-pull", "-q", "a\x1b[31m\nb"}, {"tug-inspect", "a\x1b[31m"}, {"tug-rmi", "a\x1b[31m"}, {"tug-tag", name, "a\x1b[31m"}, {"tug-images", "--filter", "a\x1b[31m=b"},
			{"tug-run", "--a\x1b[31m"}, {"tug", "a\x1b[31m"}, {"tug-images", "--format", "{{.a\x1b[31m}}"}, {"tug-copy", "dir:/a\x1b[31m", "dir:/b\x1b"},
		} {
			if r := p.run(t, args...); r.code == 0 {
				t.Errorf("%s: exit code 0: %s", r, r.stdout)
			}
		}
	})
	p.try(t, "in answers", func(t *testing.T) {
		p.registry.On("", "/manifests/", refusingWith(rude))
		p.pull(t, p.registry.Host+"/bad:latest").fails(t, 125, "/bad:latest")
	})
}

// TestN14Large is metadata of megabytes.
func TestN14Large(t *testing.T) {
	t.Parallel()
	p := settle(t)
	many := func(n int, entry func(int) string) []string {
		var list []string
		for i := range n {
			list = append(list, entry(i))
		}
		return list
	}
	for name, config := range map[string]func(*v1.ImageConfig){
		"a long label": func(c *v1.ImageConfig) { c.Labels = map[string]string{"l": strings.Repeat("x", 3<<20)} },
		"many labels":  func(c *v1.ImageConfig) { c.Labels = labels(50000) },
		"many variables": func(c *v1.ImageConfig) {
			c.Env = append(c.Env, many(100000, func(i int) string { return fmt.Sprintf("V%d=%d", i, i) })...)
		},
		"a long command": func(c *v1.ImageConfig) { c.Cmd = []string{"echo", strings.Repeat("x", 1<<20)} },
		"many arguments": func(c *v1.ImageConfig) {
			c.Cmd = append([]string{"echo"}, many(200000, func(i int) string { return "x" })...)
		},
		"many volumes": func(c *v1.ImageConfig) {
			c.Volumes = map[string]struct{}{}
			for i := range 5000 {
				c.Volumes[fmt.Sprintf("/v%d", i)] = struct{}{}
			}
		},
	} {
		p.each(t, name, image(config), func(t *testing.T, runtime, image string) {
			r := p.run(t, "tug-inspect", image)
			r.works(t)
			p.run(t, "tug-images", "--format", "json").works(t)
			if r := p.start(t, runtime, image); r.code != 0 {
				r.failsIn(t, []int{125, 126})
			}
		})
	}
	deep := image(nil)
	deep.EditConfig = func(config map[string]any) {
		one := config["history"].([]any)[0]
		history := []any{one}
		for range 20000 {
			history = append(history, map[string]any{"created_by": "step", "empty_layer": true})
		}
		config["history"] = history
		nested := any("x")
		for range 5000 {
			nested = []any{nested}
		}
		config["nested"] = nested
	}
	p.try(t, "a deep history", func(t *testing.T) {
		name := p.add(t, "bad:latest", deep)
		if r := p.pull(t, name); r.code != 0 {
			r.fails(t, 125, "/bad:latest")
			return
		}
		p.run(t, "tug-inspect", name).works(t)
		p.start(t, runtimes[0], name, "true").works(t)
	})
}

func labels(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m[fmt.Sprintf("label%d", i)] = "x"
	}
	return m
}
