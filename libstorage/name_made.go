// SPDX-License-Identifier: Apache-2.0

package libstorage

import (
	"fmt"
	"math/rand/v2"
)

// madeUpName is two words that go together, with a number when names run out.
func madeUpName(try int) string {
	name := nameFirst[rand.IntN(len(nameFirst))] + "_" + nameSecond[rand.IntN(len(nameSecond))]
	if try > 2 {
		name += fmt.Sprintf("_%04x", rand.IntN(1<<16))
	}
	return name
}

var nameFirst = [...]string{
	"able", "amber", "ample", "apt", "avid", "bold", "brave", "breezy", "bright", "brisk", "busy", "calm", "civil",
	"clear", "clever", "cosy", "crisp", "deft", "eager", "early", "easy", "exact", "fair", "fleet", "fond", "frank",
	"fresh", "gentle", "glad", "grand", "happy", "hardy", "honest", "humble", "jolly", "keen", "kind", "lively",
	"lucid", "lucky", "merry", "mild", "modest", "neat", "nimble", "noble", "patient", "placid", "plain", "polite",
	"proud", "quick", "quiet", "rapid", "ready", "royal", "salty", "serene", "sleek", "sober", "spry", "steady",
	"stout", "sunny", "sure", "swift", "tidy", "trim", "trusty", "upbeat", "vivid", "warm", "wise", "witty", "zesty",
}

var nameSecond = [...]string{
	"anchor", "barge", "bay", "beacon", "bight", "boom", "bosun", "bow", "bridge", "brig", "buoy", "cabin", "canal",
	"capstan", "cargo", "clipper", "coast", "compass", "coral", "cove", "crane", "crew", "current", "cutter", "deck",
	"delta", "dinghy", "dock", "dory", "estuary", "ferry", "fjord", "galley", "gull", "harbour", "haven", "helm",
	"heron", "hull", "island", "jetty", "kedge", "keel", "ketch", "lagoon", "lantern", "ledger", "lighter", "lock",
	"log", "mast", "mooring", "oar", "osprey", "packet", "pelican", "pennant", "pier", "pilot", "port", "prow",
	"quay", "reef", "rudder", "sail", "schooner", "shoal", "sloop", "spar", "strait", "tanker", "tern", "tide",
	"tiller", "wharf", "winch", "yawl",
}
