// SPDX-License-Identifier: Apache-2.0

package libimage

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/tug-containers/tug/internal/errclass"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/types"
)

// policy gives the signature policy: the file that was named, else
// policy.json of the user or the machine, else one that accepts everything,
// which is what distributions ship. Only the first of the three must exist.
func policy(sys *types.SystemContext) (*signature.PolicyContext, error) {
	p, err := signature.DefaultPolicy(sys)
	if errors.Is(err, fs.ErrNotExist) && sys.SignaturePolicyPath == "" {
		p, err = &signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}}, nil
	}
	if err != nil {
		return nil, errclass.New(errclass.Usage, "policy.json", fmt.Errorf("signature policy: %w", err))
	}
	return signature.NewPolicyContext(p)
}
