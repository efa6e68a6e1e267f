// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/tug-containers/tug/internal/ondisk"
	"github.com/tug-containers/tug/internal/proc"
)

// Annotations by which crun takes orders about seccomp begin with the first; the
// second is a compiled filter in base64, which crun then installs instead of
// compiling the profile.
const (
	seccompAnnotations = "run.oci.seccomp"
	filterAnnotation   = "run.oci.seccomp_bpf_data"
)

// UseCompiledFilter spares crun the compiling of the default seccomp profile,
// which costs it 10 ms for each architecture at each start. It gives it the
// filter that the same crun compiled from the same profile in a trial container,
// once for each boot.
//
// The profile stays in the spec, for a crun that does not know the annotation.
// Nothing is done, and nothing is lost but time, for another runtime, a profile
// of the user's, a container without one, or one whose annotations speak of
// seccomp already; nor when the trial fails, or another process is at it.
// opts are those of NewSpec; Debug hears why there is no filter.
func (r *Runtime) UseCompiledFilter(ctx context.Context, spec *specs.Spec, opts *Options) {
	if r.Name != "crun" || opts.Security.Seccomp != "" || spec.Linux == nil || spec.Linux.Seccomp == nil {
		return
	}
	for name := range spec.Annotations {
		if strings.HasPrefix(name, seccompAnnotations) {
			return
		}
	}
	filter, err := r.compiledFilter(ctx, spec.Linux.Seccomp)
	if err != nil {
		if opts.Debug != nil {
			opts.Debug("no compiled seccomp filter: " + err.Error())
		}
		return
	}
	annotations := maps.Clone(spec.Annotations) // which may be the caller's
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[filterAnnotation] = base64.StdEncoding.EncodeToString(filter)
	spec.Annotations = annotations
}

// compiledFilter gives the filter from memory or by a trial.
func (r *Runtime) compiledFilter(ctx context.Context, profile *specs.LinuxSeccomp) ([]byte, error) {
	dir := filepath.Join(filepath.Dir(r.root), "seccomp")
	file := filepath.Join(dir, r.filterKey(profile))
	filter, err := readFilter(file)
	if err == nil || errors.Is(err, errNoFilter) {
		return filter, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// One at a time: of many runs that begin together, one tries, and the others
	// go on with the profile.
	lock, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another process learns it: %w", err)
	}
	filter, err = r.learnFilter(ctx, profile)
	if ctx.Err() != nil {
		return nil, err // which says nothing about the runtime
	}
	if serr := saveFilter(dir, file, filter); err == nil {
		err = serr
	}
	return filter, err
}

// filterKey names all that the filter depends on: the profile, the runtime's
// file, its libseccomp, of which the loader's cache and the places of systems
// without one tell, and the kernel.
func (r *Runtime) filterKey(profile *specs.LinuxSeccomp) string {
	w := &jsonWriter{buf: make([]byte, 0, 8<<10)}
	w.open('{')
	w.seccomp(profile)
	w.close('}')
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%s\n%q %v\n", proc.BootID(), runtime.GOARCH, r.Path, keyOf(&r.stat))
	for _, library := range []string{"/etc/ld.so.cache", "/usr/lib/libseccomp.so.2", "/usr/lib64/libseccomp.so.2", "/lib/libseccomp.so.2"} {
		var stat syscall.Stat_t
		if syscall.Stat(library, &stat) == nil {
			fmt.Fprintf(sum, "%s %v\n", library, keyOf(&stat))
		}
	}
	sum.Write(w.buf)
	return hex.EncodeToString(sum.Sum(nil))
}

// learnFilter has the runtime compile the profile, and then shows it the result:
// a filter that it would not take, or would take as another, is none.
func (r *Runtime) learnFilter(ctx context.Context, profile *specs.LinuxSeccomp) ([]byte, error) {
	compiled, err := r.filterOf(ctx, trial{seccomp: profile})
	if err != nil {
		return nil, err
	}
	handed := map[string]string{filterAnnotation: base64.StdEncoding.EncodeToString(compiled)}
	taken, err := r.filterOf(ctx, trial{seccomp: profile, annotations: handed})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(compiled, taken) {
		return nil, errors.New("the runtime changes a filter that it is given")
	}
	return compiled, nil
}

// filterOf gives the filter of a trial container. crun keeps it beside the
// container's state, for those who execute something in it later.
func (r *Runtime) filterOf(ctx context.Context, t trial) (filter []byte, err error) {
	t.running = func(id string, p Process) error {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid))
		if err != nil {
			return err
		}
		if !bytes.Contains(status, []byte("\nSeccomp:\t2\n")) {
			return errors.New("the trial container runs without a filter")
		}
		if filter, err = ondisk.ReadHost(filepath.Join(r.root, id, "seccomp.bpf"), maxFilter); err != nil {
			return err
		}
		return checkFilter(filter)
	}
	if err := r.try(ctx, t); err != nil {
		return nil, err
	}
	return filter, nil
}

// A filter is at most so many instructions of eight bytes, says the kernel.
const maxFilter = 4096 * 8

func checkFilter(filter []byte) error {
	if len(filter) == 0 || len(filter)%8 != 0 || len(filter) > maxFilter {
		return fmt.Errorf("a seccomp filter of %d bytes", len(filter))
	}
	return nil
}

const (
	filterMagic = "tug-filter 1\n"
	// filterFiles is how many filters are kept: as many as there are sets of
	// options that change the profile, which are few.
	filterFiles = 64
)

// errNoFilter says that a trial failed a moment ago.
var errNoFilter = errors.New("the last trial gave none")

// readFilter reads what saveFilter wrote. Anything else there is no filter.
func readFilter(file string) ([]byte, error) {
	fd, err := unix.Open(file, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), file)
	defer f.Close()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, err
	}
	const most = len(filterMagic) + sha256.Size + maxFilter
	if stat.Mode&unix.S_IFMT != unix.S_IFREG || stat.Mode&0o022 != 0 || int(stat.Uid) != os.Geteuid() || stat.Size > int64(most) {
		return nil, fmt.Errorf("%s: not a file of ours", file)
	}
	data := make([]byte, stat.Size)
	if n, err := f.Read(data); err != nil || n != len(data) {
		return nil, fmt.Errorf("%s: %d bytes: %w", file, n, err)
	}
	rest, ok := bytes.CutPrefix(data, []byte(filterMagic))
	if !ok || len(rest) < sha256.Size {
		return nil, fmt.Errorf("%s: not a filter", file)
	}
	filter := rest[sha256.Size:]
	if sum := sha256.Sum256(filter); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil, fmt.Errorf("%s: damaged", file)
	}
	if len(filter) == 0 {
		if age := time.Now().Unix() - stat.Mtim.Sec; age >= 0 && age < int64(probeAgain/time.Second) {
			return nil, errNoFilter
		}
		return nil, fmt.Errorf("%s: too old", file)
	}
	return filter, checkFilter(filter)
}

// saveFilter keeps a filter, or with an empty one that there is none.
func saveFilter(dir, file string, filter []byte) error {
	if known, _ := os.ReadDir(dir); len(known) >= filterFiles {
		for _, entry := range known {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	sum := sha256.Sum256(filter)
	// For us alone to read and write.
	return ondisk.ReplaceShared(file, slices.Concat([]byte(filterMagic), sum[:], filter), 0o600)
}
