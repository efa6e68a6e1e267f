// SPDX-License-Identifier: Apache-2.0

// Package imagechange reads the instructions of --change, which are those of a
// Dockerfile that change the configuration of an image.
package imagechange

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tug-containers/tug/internal/errclass"
)

// Apply carries the instructions out, in order. more has what OCI's type does
// not know: ONBUILD goes there.
func Apply(config *v1.ImageConfig, more map[string]json.RawMessage, instructions []string) error {
	for _, text := range instructions {
		if err := apply(config, more, text); err != nil {
			return errclass.New(errclass.Usage, "--change", fmt.Errorf("--change %q: %w", text, err))
		}
	}
	return nil
}

func apply(c *v1.ImageConfig, more map[string]json.RawMessage, text string) error {
	word, rest := split(text)
	if rest == "" {
		return fmt.Errorf("must be INSTRUCTION VALUE")
	}
	switch strings.ToUpper(word) {
	case "CMD":
		c.Cmd = command(rest)
	case "ENTRYPOINT":
		c.Entrypoint = command(rest)
	case "ENV":
		return pairs(rest, func(key, value string) {
			c.Env = slices.DeleteFunc(c.Env, func(have string) bool { return strings.HasPrefix(have, key+"=") })
			c.Env = append(c.Env, key+"="+value)
		})
	case "LABEL":
		if c.Labels == nil {
			c.Labels = map[string]string{}
		}
		return pairs(rest, func(key, value string) { c.Labels[key] = value })
	case "EXPOSE":
		if c.ExposedPorts == nil {
			c.ExposedPorts = map[string]struct{}{}
		}
		for _, port := range strings.Fields(rest) {
			if !strings.Contains(port, "/") {
				port += "/tcp"
			}
			c.ExposedPorts[port] = struct{}{}
		}
	case "VOLUME":
		if c.Volumes == nil {
			c.Volumes = map[string]struct{}{}
		}
		for _, volume := range list(rest) {
			c.Volumes[volume] = struct{}{}
		}
	case "ONBUILD":
		var all []string
		if raw, ok := more["OnBuild"]; ok {
			if err := json.Unmarshal(raw, &all); err != nil {
				return err
			}
		}
		raw, err := json.Marshal(append(all, rest))
		more["OnBuild"] = raw
		return err
	case "STOPSIGNAL":
		c.StopSignal = rest
	case "USER":
		c.User = rest
	case "WORKDIR":
		c.WorkingDir = rest
	default:
		return fmt.Errorf("must be one of CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR")
	}
	return nil
}

// split takes the first word off; INSTRUCTION=VALUE is known too.
func split(text string) (word, rest string) {
	text = strings.TrimSpace(text)
	i := strings.IndexAny(text, " \t=")
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimSpace(text[i+1:])
}

// command is a JSON list, or a line for the shell.
func command(rest string) []string {
	var args []string
	if json.Unmarshal([]byte(rest), &args) == nil {
		return args
	}
	return []string{"/bin/sh", "-c", rest}
}

func list(rest string) []string {
	var items []string
	if json.Unmarshal([]byte(rest), &items) == nil {
		return items
	}
	return strings.Fields(rest)
}

// pairs reads KEY=VALUE..., in which a value may be quoted, or KEY VALUE.
func pairs(rest string, set func(key, value string)) error {
	words, err := words(rest)
	if err != nil {
		return err
	}
	if !strings.Contains(words[0], "=") {
		key, value := split(rest)
		if value == "" {
			return fmt.Errorf("%s has no value", key)
		}
		set(key, value)
		return nil
	}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return fmt.Errorf("%q is not KEY=VALUE", word)
		}
		set(key, value)
	}
	return nil
}

// words splits at blanks that are not quoted.
func words(text string) ([]string, error) {
	var all []string
	var word strings.Builder
	var quote rune
	in, escaped := false, false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, in = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if in {
				all = append(all, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("a quotation does not end")
	}
	if in {
		all = append(all, word.String())
	}
	return all, nil
}
