// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

// Platform has the flags that choose an image of an index.
type Platform struct {
	platform string
	parts    libimage.Platform
}

// Add adds --platform, --os, --arch and --variant.
func (p *Platform) Add(cmd *cobra.Command) { p.add(cmd, "") }

// AddOverrides adds --platform, and the others with skopeo's names.
func (p *Platform) AddOverrides(cmd *cobra.Command) { p.add(cmd, "override-") }

func (p *Platform) add(cmd *cobra.Command, prefix string) {
	f := cmd.Flags()
	f.StringVar(&p.platform, "platform", "", "Platform of the image, `OS/ARCH` or OS/ARCH/VARIANT (default: this machine's)")
	f.StringVar(&p.parts.OS, prefix+"os", "", "Operating system (`OS`) of the image (default: this machine's)")
	f.StringVar(&p.parts.Architecture, prefix+"arch", "", "Architecture (`ARCH`) of the image (default: this machine's)")
	f.StringVar(&p.parts.Variant, prefix+"variant", "", "`VARIANT` of the architecture, such as v7 (default: this machine's)")
}

// Platform gives what the flags say.
func (p *Platform) Platform() (libimage.Platform, error) {
	if p.platform == "" {
		return p.parts.Normal(), nil
	}
	if p.parts != (libimage.Platform{}) {
		return libimage.Platform{}, errclass.New(errclass.Usage, "--platform",
			errors.New("--platform does not go together with --os, --arch and --variant"))
	}
	return libimage.ParsePlatform(p.platform)
}
