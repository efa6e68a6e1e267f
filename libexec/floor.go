// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tug-containers/tug/internal/proc"
)

// floor is where a runtime was mended: the first good version of each series that
// got the repairs, in order. A later series has them from its beginning.
type floor struct {
	mended []string
	holes  string
}

var floors = map[string]floor{
	"runc": {
		mended: []string{"1.3.6", "1.4.3", "1.5.0-rc.3"},
		holes:  "CVE-2025-31133, CVE-2025-52565, CVE-2025-52881 and CVE-2026-41579",
	},
	"crun": {
		mended: []string{"1.28"},
		holes:  "CVE-2025-24965, CVE-2026-30892 and CVE-2026-47766",
	},
}

// versionTimeout bounds the question for the version.
const versionTimeout = 10 * time.Second

// Advice says what somebody should know about the runtime: that it is older than
// the repair of holes that images can use. It says so once for each state of the
// file since the last boot, whoever asks, and is empty from then on; an error is
// no reason to ask again. The runtime is started to learn its version, so only
// crun and runc are asked, by these names.
func (r *Runtime) Advice(ctx context.Context) string {
	if _, known := floors[r.Name]; !known || !r.firstAsked() {
		return ""
	}
	outdated := r.Outdated(ctx)
	if outdated == "" {
		return ""
	}
	return fmt.Sprintf("runtime %s: %s: update it, or run only images that you trust", r.Path, outdated)
}

// firstAsked notes that the advice is given now, and tells whether it was not
// before. Where nothing can be noted it is given never: it would be every time.
func (r *Runtime) firstAsked() bool {
	// An empty file for each state of the runtime's; a file of several names is one.
	key := sha256.Sum256(fmt.Appendf(nil, "%s %v", proc.BootID(), keyOf(&r.stat)))
	name := fmt.Sprintf("%s.asked-%x", r.root, key[:8])
	if _, err := os.Lstat(name); err == nil {
		return false
	}
	if os.MkdirAll(filepath.Dir(name), 0o700) != nil {
		return false
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // of many that come at once, one
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// version asks the runtime for it; it is empty when there is no answer that can be
// understood.
func (r *Runtime) version(ctx context.Context) string {
	line, _, _ := strings.Cut(r.Version(ctx), "\n")
	version, ok := strings.CutPrefix(line, r.Name+" version ")
	if version = strings.TrimSpace(version); !ok || len(version) > 64 || strings.ContainsFunc(version, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return ""
	}
	return version
}

// below reports a version before the repair. One that cannot be read is not.
func (l *floor) below(version string) bool {
	have, ok := parseVersion(version)
	if !ok {
		return false
	}
	for i, text := range l.mended {
		first, _ := parseVersion(text)
		sameSeries := slices.Equal(have[:2], first[:2])
		if slices.Compare(have[:], first[:]) < 0 && (i == 0 || sameSeries) {
			return true
		}
	}
	return false
}

// parseVersion reads "1.5.0-rc.3+ds1" as 1, 5, 0 and 3; a version that is no
// candidate comes after all of its candidates.
func parseVersion(text string) (version [4]int, ok bool) {
	text, _, _ = strings.Cut(text, "+")
	text, candidate, is := strings.Cut(text, "-rc")
	version[3] = 1 << 30
	if is {
		n, err := strconv.Atoi(strings.TrimPrefix(candidate, "."))
		if err != nil {
			return version, false
		}
		version[3] = n
	}
	// Whatever a distribution has added, of which nobody knows what it means.
	text, _, _ = strings.Cut(text, "-")
	text, _, _ = strings.Cut(text, "~")
	numbers := strings.Split(text, ".")
	for i, number := range numbers[:min(3, len(numbers))] {
		n, err := strconv.Atoi(number)
		if err != nil {
			return version, false
		}
		version[i] = n
	}
	return version, len(numbers) >= 2
}
