// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage/pkg/configfile"
)

// policy gives the signature policy: the file that was named, else
// policy.json of the user or the machine, else one that accepts everything,
// which is what distributions ship. Only one that was named
// must exist.
func policy(sys *types.SystemContext) (*signature.PolicyContext, error) {
	p, err := signature.DefaultPolicy(sys)
	if errors.Is(err, configfile.ErrConfigFileNotFound) {
		p, err = acceptAll(), nil
	}
	if err != nil {
		return nil, errclass.New(errclass.Usage, "policy.json", fmt.Errorf("signature policy: %w", err))
	}
	return signature.NewPolicyContext(p)
}
