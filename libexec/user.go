// SPDX-License-Identifier: Apache-2.0

package libexec

import (
	"bytes"
	"errors"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	userdb "github.com/moby/sys/user"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/internal/rootdir"
)

// maxUserFile bounds /etc/passwd and /etc/group of an image.
const maxUserFile = 4 << 20

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
// and group files of a root file system. An empty spec is root. A number is
// always a number: it is never looked up as a name.
func ResolveUser(root *rootdir.Dir, spec string, groups []string) (User, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	if err := checkPrincipals(spec, name, group, hasGroup, groups); err != nil {
		return User{}, err
	}
	user, login, err := findUser(root, spec, name)
	if err != nil {
		return User{}, err
	}
	return user, findGroups(root, spec, &user, login, group, hasGroup, groups)
}

// checkPrincipals refuses whatever is neither a name nor a number in range,
// before any file is read.
func checkPrincipals(spec, name, group string, hasGroup bool, groups []string) error {
	if spec != "" && !validPrincipal(name) && name != "" || hasGroup && !validPrincipal(group) || spec == ":" {
		return userError(spec, "user %q: neither a name nor a number up to %d", shorten(spec), maxID)
	}
	for _, g := range groups {
		if g == "keep-groups" {
			return unsupportedError("--group-add", "group %q: needs a user namespace, which is not supported", g)
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
func findUser(root *rootdir.Dir, spec, name string) (User, string, error) {
	passwd, err := readUserFile(root, "/etc/passwd")
	if err != nil {
		return User{}, "", err
	}
	id, numeric := principalID(name)
	if name == "" {
		id, numeric = 0, true
	}
	entries, err := userdb.ParsePasswdFilter(bytes.NewReader(passwd), func(u userdb.User) bool {
		if numeric {
			return int64(u.Uid) == int64(id) && u.Name != ""
		}
		return u.Name == name
	})
	if err != nil {
		return User{}, "", userError("/etc/passwd", "/etc/passwd in the container: %w", err)
	}
	if len(entries) == 0 && !numeric {
		return User{}, "", userError(spec, "unable to find user %s: no matching entries in passwd file", shorten(name))
	}
	if len(entries) == 0 {
		return User{UID: id, Home: "/"}, "", nil
	}
	entry := entries[0]
	if !inRange(entry.Uid) || !inRange(entry.Gid) {
		return User{}, "", userError(spec, "user %q: a number out of range in the container's /etc/passwd", spec)
	}
	user := User{UID: uint32(entry.Uid), GID: uint32(entry.Gid), Home: entry.Home}
	if user.Home == "" || strings.IndexByte(user.Home, 0) >= 0 {
		user.Home = "/"
	}
	return user, entry.Name, nil
}

func inRange(id int) bool { return id >= 0 && id <= maxID }

// findGroups completes user with its groups: the one that the spec names or,
// without one, those that login is a member of, and the further ones.
func findGroups(root *rootdir.Dir, spec string, user *User, login, group string, hasGroup bool, further []string) error {
	data, err := readUserFile(root, "/etc/group")
	if err != nil {
		return err
	}
	wanted := func(g userdb.Group) bool {
		return g.Name == group || slices.Contains(further, g.Name) || !hasGroup && login != "" && slices.Contains(g.List, login)
	}
	entries, err := userdb.ParseGroupFilter(bytes.NewReader(data), wanted)
	if err != nil {
		return userError("/etc/group", "/etc/group in the container: %w", err)
	}
	if hasGroup {
		if user.GID, err = groupID(entries, spec, group); err != nil {
			return err
		}
	}
	user.Groups = append(user.Groups, user.GID)
	add := func(gid uint32) {
		if !slices.Contains(user.Groups, gid) {
			user.Groups = append(user.Groups, gid)
		}
	}
	for _, entry := range entries {
		if !hasGroup && login != "" && slices.Contains(entry.List, login) && inRange(entry.Gid) {
			add(uint32(entry.Gid))
		}
	}
	for _, g := range further {
		gid, err := groupID(entries, g, g)
		if err != nil {
			return err
		}
		add(gid)
	}
	return nil
}

func groupID(entries []userdb.Group, spec, group string) (uint32, error) {
	if id, numeric := principalID(group); numeric {
		return id, nil
	}
	for _, entry := range entries {
		if entry.Name != group {
			continue
		}
		if !inRange(entry.Gid) {
			return 0, userError(spec, "group %q: a number out of range in the container's /etc/group", group)
		}
		return uint32(entry.Gid), nil
	}
	return 0, userError(spec, "unable to find group %s: no matching entries in group file", shorten(group))
}

// readUserFile reads passwd or group; a missing one is empty.
func readUserFile(root *rootdir.Dir, name string) ([]byte, error) {
	data, err := root.ReadFile(name, maxUserFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, userError(name, "%s in the container: %w", name, reason(err))
	}
	return data, nil
}

// reason takes the operation and the path off an error whose message names the
// path already.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
