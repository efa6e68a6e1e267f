// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
)

// The parsers of others take a line without numbers, or with ones that do not
// fit, for root's. Here a number that is not one is an error.

// maxUserFile bounds /etc/passwd and /etc/group of an image.
const maxUserFile = 4 << 20

// maxUserLine bounds their lines: runc, which reads them again, fails at more.
const maxUserLine = 64<<10 - 1

// maxID is the largest user or group number that we hand to a runtime.
const maxID = math.MaxInt32

// User is a user as numbers, which is how a runtime gets it: no name of the
// image is ever looked up by anybody else.
type User struct {
	UID, GID uint32
	// Groups are the supplementary groups, the primary one among them.
	Groups []uint32
	Home   string
}

// ResolveUser resolves NAME|UID[:GROUP|GID] and further groups by the passwd
// and group files of the root file system mounted at rootfs. An empty spec is
// root. A number is always a number: it is never looked up as a name.
func ResolveUser(rootfs, spec string, groups []string) (User, error) {
	root, err := rootdir.Open(rootfs)
	if err != nil {
		return User{}, specError(errclass.NotFound, ErrRootfs, rootfs, "root file system: %w", err)
	}
	defer root.Close()
	return resolveUser(userFilesIn(root), spec, groups)
}

// userFiles reads /etc/passwd or /etc/group; a missing one is empty.
type userFiles func(name string) ([]byte, error)

func resolveUser(files userFiles, spec string, groups []string) (User, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	if err := checkPrincipals(spec, name, group, hasGroup, groups); err != nil {
		return User{}, err
	}
	user, login, err := findUser(files, spec, name)
	if err != nil {
		return User{}, err
	}
	return user, findGroups(files, spec, &user, login, group, hasGroup, groups)
}

// checkPrincipals refuses whatever is neither a name nor a number in range,
// before any file is read.
func checkPrincipals(spec, name, group string, hasGroup bool, groups []string) error {
	if spec != "" && !validPrincipal(name) && name != "" || hasGroup && !validPrincipal(group) || spec == ":" {
		return userError(spec, "user %q: neither a name nor a number up to %d", shorten(spec), maxID)
	}
	for _, g := range groups {
		if g == "keep-groups" {
			return unsupportedError("--group-add", "group %q: not together with others", g)
		}
		if !validPrincipal(g) {
			return userError(g, "group %q: neither a name nor a number up to %d", shorten(g), maxID)
		}
	}
	return nil
}

func userError(object, format string, args ...any) error {
	return specError(errclass.Usage, ErrUser, object, format, args...)
}

// validPrincipal accepts a canonical decimal number up to maxID, or a name. A
// name begins with a letter or an underscore, so that no number which is out
// of range, signed or zero-padded can be taken for one.
func validPrincipal(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	if _, numeric := principalID(s); numeric {
		return true
	}
	if !isLetter(s[0]) && s[0] != '_' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !isLetter(c) && !isDigit(c) && !strings.ContainsRune("_-.@+$", rune(c)) {
			return false
		}
	}
	return true
}

// principalID reads a canonical decimal number.
func principalID(s string) (uint32, bool) {
	if s == "" || (len(s) > 1 && s[0] == '0') || !isDigit(s[0]) {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n > maxID {
		return 0, false
	}
	return uint32(n), true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// findUser resolves the user part, and gives the login name for the lookup of
// groups, which a number that passwd does not know does not have.
func findUser(files userFiles, spec, name string) (User, string, error) {
	passwd, err := files("/etc/passwd")
	if err != nil {
		return User{}, "", err
	}
	id, numeric := principalID(name)
	if name == "" {
		id, numeric = 0, true
	}
	for line := range bytes.Lines(passwd) {
		entry := strings.Split(strings.TrimSpace(string(line)), ":")
		if len(entry) < 4 || entry[0] == "" || !numeric && entry[0] != name {
			continue
		}
		uid, uidOK := principalID(entry[2])
		gid, gidOK := principalID(entry[3])
		if numeric && (!uidOK || uid != id) {
			continue
		}
		if !uidOK || !gidOK {
			return User{}, "", userError(spec, "user %s: no number, or one out of range, in the container's /etc/passwd", shorten(name))
		}
		return User{UID: uid, GID: gid, Home: homeOf(entry)}, entry[0], nil
	}
	if !numeric {
		return User{}, "", userError(spec, "unable to find user %s: no matching entries in passwd file", shorten(name))
	}
	return User{UID: id, Home: "/"}, "", nil
}

func homeOf(entry []string) string {
	if len(entry) < 6 || entry[5] == "" || strings.IndexByte(entry[5], 0) >= 0 {
		return "/"
	}
	return entry[5]
}

// findGroups completes user with its groups: the one that the spec names or,
// without one, those that login is a member of, and the further ones.
func findGroups(files userFiles, spec string, user *User, login, group string, hasGroup bool, further []string) error {
	data, err := files("/etc/group")
	if err != nil {
		return err
	}
	if hasGroup {
		if user.GID, err = groupID(data, spec, group); err != nil {
			return err
		}
	}
	user.Groups = append(user.Groups, user.GID)
	add := func(gid uint32) {
		if !slices.Contains(user.Groups, gid) {
			user.Groups = append(user.Groups, gid)
		}
	}
	if !hasGroup && login != "" {
		for entry := range groupEntries(data) {
			if gid, ok := principalID(entry[2]); ok && slices.Contains(strings.Split(entry[3], ","), login) {
				add(gid)
			}
		}
	}
	for _, g := range further {
		gid, err := groupID(data, g, g)
		if err != nil {
			return err
		}
		add(gid)
	}
	return nil
}

// groupEntries gives the lines of a group file that have all four fields.
func groupEntries(data []byte) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range bytes.Lines(data) {
			entry := strings.Split(strings.TrimSpace(string(line)), ":")
			if len(entry) == 3 {
				entry = append(entry, "")
			}
			if len(entry) > 3 && entry[0] != "" && !yield(entry) {
				return
			}
		}
	}
}

func groupID(data []byte, spec, group string) (uint32, error) {
	if id, numeric := principalID(group); numeric {
		return id, nil
	}
	for entry := range groupEntries(data) {
		if entry[0] != group {
			continue
		}
		gid, ok := principalID(entry[2])
		if !ok {
			return 0, userError(spec, "group %s: no number, or one out of range, in the container's /etc/group", shorten(group))
		}
		return gid, nil
	}
	return 0, userError(spec, "unable to find group %s: no matching entries in group file", shorten(group))
}
