// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libexec"
)

// block are the options about block devices, and others that few know.
type block struct {
	weight                                    uint16
	weights, readBps, writeBps, readOps, wOps []string
}

func (b *block) register(s *pflag.FlagSet) {
	s.Uint16Var(&b.weight, "blkio-weight", 0, "Relative `WEIGHT` among those that want a disk, 10 to 1000")
	s.StringArrayVar(&b.weights, "blkio-weight-device", nil, "The same for one disk, `DEVICE:WEIGHT`; can be repeated")
	s.StringArrayVar(&b.readBps, "device-read-bps", nil, "Most bytes per second read from a disk, `DEVICE:SIZE`; can be repeated")
	s.StringArrayVar(&b.writeBps, "device-write-bps", nil, "Most bytes per second written to a disk, `DEVICE:SIZE`; can be repeated")
	s.StringArrayVar(&b.readOps, "device-read-iops", nil, "Most reads per second from a disk, `DEVICE:NUMBER`; can be repeated")
	s.StringArrayVar(&b.wOps, "device-write-iops", nil, "Most writes per second to a disk, `DEVICE:NUMBER`; can be repeated")
}

func (b *block) apply(set *pflag.FlagSet, r *libexec.Resources) error {
	if set.Changed("blkio-weight") {
		r.BlkioWeight = b.weight
	}
	for _, list := range []struct {
		flag   string
		values []string
		size   bool
		to     *[]libexec.DeviceRate
	}{
		{"blkio-weight-device", b.weights, false, &r.BlkioWeightDevice},
		{"device-read-bps", b.readBps, true, &r.ReadBps},
		{"device-write-bps", b.writeBps, true, &r.WriteBps},
		{"device-read-iops", b.readOps, false, &r.ReadIOps},
		{"device-write-iops", b.wOps, false, &r.WriteIOps},
	} {
		if !set.Changed(list.flag) {
			continue
		}
		*list.to = nil
		for _, value := range list.values {
			rate, err := parseRate("--"+list.flag, value, list.size)
			if err != nil {
				return err
			}
			*list.to = append(*list.to, rate)
		}
	}
	return nil
}

// parseRate reads DEVICE:NUMBER or DEVICE:SIZE.
func parseRate(flag, value string, size bool) (libexec.DeviceRate, error) {
	at := strings.LastIndexByte(value, ':')
	bad := errclass.New(errclass.Usage, flag, fmt.Errorf("%s %q: not DEVICE:NUMBER, as /dev/sda:100", flag, value))
	if at < 0 || !path.IsAbs(value[:at]) {
		return libexec.DeviceRate{}, bad
	}
	rate := libexec.DeviceRate{Path: value[:at]}
	if size {
		n, err := ParseSize(flag, value[at+1:])
		rate.Rate = uint64(n)
		return rate, err
	}
	var err error
	if rate.Rate, err = strconv.ParseUint(value[at+1:], 10, 63); err != nil {
		return libexec.DeviceRate{}, bad
	}
	return rate, nil
}
