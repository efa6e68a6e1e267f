// SPDX-License-Identifier: Apache-2.0

package network

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/tug-containers/tug/internal/errclass"
	networks "github.com/tug-containers/tug/libexec/network"
)

func TestDefinition(t *testing.T) {
	for _, tc := range []struct {
		asked asked
		args  []string
		// want is what the definition has beside its driver, or what the error says.
		want  string
		class errclass.Class
	}{
		{asked{}, nil, `{"dns_enabled":true}`, ""},
		{asked{noDNS: true, internal: true, ipv6: true}, []string{"web"}, `{"name":"web","internal":true,"ipv6_enabled":true,"dns_enabled":false}`, ""},
		{
			asked{subnets: []string{"10.1.0.7/24", "fd00::/64"}, gateways: []string{"fd00::9"}, ranges: []string{"10.1.0.16/30"}},
			nil, `{"subnets":[{"subnet":"10.1.0.0/24","lease_range":{"start_ip":"10.1.0.16","end_ip":"10.1.0.19"}},{"subnet":"fd00::/64","gateway":"fd00::9"}]}`, "",
		},
		{
			asked{subnets: []string{"10.1.0.0/24"}, ranges: []string{"10.1.0.5-10.1.0.9"}},
			nil, `{"subnets":[{"subnet":"10.1.0.0/24","lease_range":{"start_ip":"10.1.0.5","end_ip":"10.1.0.9"}}]}`, "",
		},
		{asked{options: []string{"com.docker.network.driver.mtu=1400", "vlan=7", "metric=9", "isolate=strict", "no_default_route=1"}}, nil,
			`{"mtu":1400,"vlan":7,"metric":9,"isolate":true,"isolate_all":true,"no_default_route":true}`, ""},
		{asked{options: []string{"parent=eth7", "mode=bridge"}}, nil, `{"network_interface":"eth7"}`, ""},
		{asked{routes: []string{"10.9.0.0/16,10.1.0.9,7"}}, nil, `{"routes":[{"destination":"10.9.0.0/16","gateway":"10.1.0.9","metric":7}]}`, ""},
		{asked{servers: []string{"192.0.2.1", "fd00::53"}}, nil, `{"network_dns_servers":["192.0.2.1","fd00::53"]}`, ""},
		{asked{ipam: noIPAM}, nil, `{"no_addresses":true}`, ""},

		{asked{}, []string{""}, `network name ""`, errclass.Usage},
		{asked{}, []string{"../x"}, `"../x"`, errclass.Usage},
		{asked{subnets: []string{"10.1.0.0"}}, nil, `--subnet "10.1.0.0"`, errclass.Usage},
		{asked{gateways: []string{"10.1.0.1"}}, nil, "need --subnet", errclass.Usage},
		{asked{subnets: []string{"10.1.0.0/24"}, gateways: []string{"10.1.0.1", "10.1.0.2"}}, nil, "has the gateway 10.1.0.1 already", errclass.Usage},
		{asked{subnets: []string{"10.1.0.0/24"}, ranges: []string{"10.1.0.9-10.1.0.5"}}, nil, "--ip-range", errclass.Usage},
		{asked{subnets: []string{"10.1.0.0/24"}, ranges: []string{"10.1.0.0/30", "10.1.0.8/30"}}, nil, "has a range already", errclass.Usage},
		{asked{subnets: []string{"10.1.0.0/24"}, ranges: []string{"10.1.0.9-fd00::1"}}, nil, "--ip-range", errclass.Usage},
		{asked{servers: []string{"one"}}, nil, `--dns "one"`, errclass.Usage},
		{asked{servers: []string{"192.0.2.1"}, noDNS: true}, nil, "exclude each other", errclass.Usage},
		{asked{routes: []string{"10.9.0.0/16,fd00::1"}}, nil, "--route", errclass.Usage},
		{asked{labels: []string{"=x"}}, nil, "--label", errclass.Usage},
		{asked{ipam: noIPAM, subnets: []string{"10.1.0.0/24"}}, nil, "has no subnet", errclass.Usage},
		{asked{ipam: "dhcp"}, nil, "dhcp", errclass.Unsupported},
		{asked{options: []string{"mtu=-1"}}, nil, "mtu", errclass.Usage},
		{asked{options: []string{"mode=vepa"}}, nil, "vepa", errclass.Unsupported},
		{asked{options: []string{"vrf=x"}}, nil, "vrf", errclass.Unsupported},
		{asked{device: "br0", options: []string{"parent=eth0"}}, nil, "br0 already", errclass.Usage},
	} {
		if tc.asked.driver = networks.Bridge; tc.asked.ipam == "" {
			tc.asked.ipam = hostLocal
		}
		n, err := tc.asked.network(tc.args)
		if tc.class != "" {
			if class, _ := errclass.Of(err); err == nil || class != tc.class || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%+v: %v (%s); want %s: %s", tc.asked, err, class, tc.class, tc.want)
			}
			continue
		}
		want := networks.Network{Driver: networks.Bridge, DNS: true}
		uerr := json.Unmarshal([]byte(tc.want), &want)
		got, merr := json.Marshal(n)
		wanted, werr := json.Marshal(&want)
		if err := errors.Join(err, uerr, merr, werr); err != nil || string(got) != string(wanted) {
			t.Errorf("%+v: %s, %v; want %s", tc.asked, got, err, wanted)
		}
	}
}
