// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"context"
	"fmt"
	"time"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

const helperTimeout = 30 * time.Second

// forRegistry completes sys for one name in a registry: the credentials are
// looked up once, with a time limit, and the guard is set.
func (a Access) forRegistry(ctx context.Context, sys *types.SystemContext, named reference.Named) (*types.SystemContext, error) {
	if err := blocked(sys, named); err != nil {
		return nil, err
	}
	if err := a.checkAuthFiles(sys); err != nil {
		return nil, err
	}
	own := *sys
	if own.DockerAuthConfig == nil && own.DockerBearerRegistryToken == "" {
		found, err := credentials(ctx, sys, named.Name())
		if err != nil {
			return nil, err
		}
		if found != (types.DockerAuthConfig{}) {
			own.DockerAuthConfig = &found
		}
	}
	own.DockerProxy = newGuard(a, &own, reference.Domain(named), named).check
	return &own, nil
}

// credentials looks up what is stored for a registry or a repository. A
// credential helper that is missing, fails, or does not answer is an error,
// and nothing is sent anywhere.
func credentials(ctx context.Context, sys *types.SystemContext, key string) (types.DockerAuthConfig, error) {
	type result struct {
		found types.DockerAuthConfig
		err   error
	}
	answer := make(chan result, 1)
	go func() {
		found, err := config.GetCredentials(sys, key)
		answer <- result{found, err}
	}()
	timer := time.NewTimer(helperTimeout)
	defer timer.Stop()
	select {
	case r := <-answer:
		if r.err != nil {
			return r.found, errclass.New(errclass.Auth, key, fmt.Errorf("credentials for %s: %w", key, r.err))
		}
		return r.found, nil
	case <-timer.C:
		return types.DockerAuthConfig{}, fail(errclass.Auth, key, "credentials for %s: the credential helper does not answer", key)
	case <-ctx.Done():
		return types.DockerAuthConfig{}, context.Cause(ctx)
	}
}
