// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
	"golang.org/x/sys/unix"
)

// Login proves that a registry accepts the credentials in access, and stores
// them for it: for HOST[:PORT], or for HOST[:PORT]/REPOSITORY. Nothing is
// stored that the registry did not accept.
//
// The file is replaced as a whole, readable for its owner alone. Any number of
// logins may run at once: none is lost.
func Login(ctx context.Context, registry string, access Access) error {
	key, host, err := credentialsKey(registry)
	if err != nil {
		return err
	}
	user, password, err := splitCredentials(access.Credentials)
	if err != nil {
		return err
	}
	if err := access.try(ctx, key, host, user, password); err != nil {
		return err
	}
	stored := access
	stored.Credentials = ""
	sys, err := stored.system()
	if err != nil {
		return err
	}
	return stored.change(sys, key, func(sys *types.SystemContext) error {
		_, err := config.SetCredentials(sys, key, user, password)
		return err
	})
}

// LoggedIn gives the user name that is stored for a registry.
func LoggedIn(ctx context.Context, registry string, access Access) (string, error) {
	found, key, err := access.stored(ctx, registry)
	if err != nil {
		return "", err
	}
	if found.Username == "" {
		return "", fail(errclass.NotFound, key, "%s: %w", key, ErrNotLoggedIn)
	}
	return found.Username, nil
}

// Verify tells whether the registry accepts what is stored for it.
func Verify(ctx context.Context, registry string, access Access) error {
	found, key, err := access.stored(ctx, registry)
	if err != nil {
		return err
	}
	if found.Username == "" {
		return fail(errclass.NotFound, key, "%s: %w", key, ErrNotLoggedIn)
	}
	host, _, _ := strings.Cut(key, "/")
	return access.try(ctx, key, host, found.Username, found.Password)
}

// Logout removes what is stored for a registry.
func Logout(ctx context.Context, registry string, access Access) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key, _, err := credentialsKey(registry)
	if err != nil {
		return err
	}
	sys, err := access.system()
	if err != nil {
		return err
	}
	err = access.change(sys, key, func(sys *types.SystemContext) error {
		return config.RemoveAuthentication(sys, key)
	})
	if errors.Is(err, config.ErrNotLoggedIn) {
		return fail(errclass.NotFound, key, "%s: %w", key, ErrNotLoggedIn)
	}
	return err
}

// LogoutAll removes everything that is stored.
func LogoutAll(ctx context.Context, access Access) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sys, err := access.system()
	if err != nil {
		return err
	}
	return access.change(sys, "all registries", config.RemoveAllAuthentication)
}

// DefaultRegistry is the one that registries.conf names first, for a login
// without a registry.
func DefaultRegistry(access Access) (string, error) {
	sys, err := access.system()
	if err != nil {
		return "", err
	}
	all, err := sysregistriesv2.UnqualifiedSearchRegistries(sys)
	if err != nil {
		return "", configError(err)
	}
	if len(all) == 0 {
		return "", fail(errclass.Usage, "registry", "name a registry: registries.conf has no unqualified-search-registries")
	}
	return all[0], nil
}

// try makes the request that proves credentials.
func (a Access) try(ctx context.Context, key, host, user, password string) error {
	sys, err := a.system()
	if err != nil {
		return err
	}
	named, err := parseNamed(host + "/x")
	if err != nil {
		return invalid(host, errors.New("not a registry"))
	}
	if err := blocked(sys, reference.TrimNamed(named)); err != nil {
		return err
	}
	sys.DockerProxy = newGuard(a, sys, host, nil).check
	err = a.limits().bounded(ctx, func(ctx context.Context) error {
		return docker.CheckAuth(ctx, sys, user, password, host)
	})
	if as[docker.ErrUnauthorizedForCredentials](err) {
		return errclass.New(errclass.Auth, key, fmt.Errorf("log in to %s: invalid user name or password: %w", key, err))
	}
	if err != nil {
		return describe(key, fmt.Errorf("log in to %s: %w", key, err))
	}
	return nil
}

func (a Access) stored(ctx context.Context, registry string) (found types.DockerAuthConfig, key string, err error) {
	if key, _, err = credentialsKey(registry); err != nil {
		return found, "", err
	}
	a.Credentials = ""
	sys, err := a.system()
	if err != nil {
		return found, key, err
	}
	if err := a.checkAuthFiles(sys); err != nil {
		return found, key, err
	}
	found, err = credentials(ctx, sys, key)
	return found, key, err
}

// change edits the file of credentials under a lock on its directory, which
// needs no file of its own.
func (a Access) change(sys *types.SystemContext, object string, edit func(*types.SystemContext) error) error {
	path := authFile(sys)
	if real, err := filepath.EvalSymlinks(path); err == nil && real != path {
		path = real // a rename would replace the link
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return errclass.New(errclass.Internal, path, err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return errclass.New(errclass.Internal, path, err)
	}
	defer lock.Close()
	if err := flock(lock, unix.LOCK_EX); err != nil {
		return errclass.New(errclass.Internal, path, err)
	}
	if err := a.checkAuthFile(path); err != nil {
		return err
	}
	own := *sys
	if own.DockerCompatAuthFilePath != "" {
		own.DockerCompatAuthFilePath = path
	} else if own.AuthFilePath != "" {
		own.AuthFilePath = path
	}
	if err := edit(&own); err != nil {
		return errclass.New(classOf(err), object, fmt.Errorf("credentials of %s: %w", object, err))
	}
	return nil
}

// credentialsKey gives what credentials are stored under, and the host.
func credentialsKey(registry string) (key, host string, err error) {
	if err := checkText(registry); err != nil {
		return "", "", err
	}
	key = registry
	if strings.HasPrefix(registry, "https://") || strings.HasPrefix(registry, "http://") {
		u, err := url.Parse(registry)
		if err != nil {
			return "", "", invalid(registry, err)
		}
		key = u.Host
	}
	host, repository, namespaced := strings.Cut(key, "/")
	probe := host + "/x"
	if namespaced {
		probe = host + "/" + repository
	}
	named, err := parseNamed(probe)
	if err != nil || !reference.IsNameOnly(named) || host == "" {
		return "", "", invalid(registry, errors.New("must be HOST[:PORT] or HOST[:PORT]/REPOSITORY"))
	}
	return key, host, nil
}
