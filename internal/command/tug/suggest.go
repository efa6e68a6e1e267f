// SPDX-License-Identifier: Apache-2.0

package tug

import "github.com/tug-containers/tug/internal/spell"

// suggest gives the verb that was probably meant, or "".
func (f *Front) suggest(typed string) string {
	var names []string
	inner := map[string]bool{}
	for _, v := range Verbs() {
		inner[v.Name] = v.Inner
	}
	for _, p := range f.found() {
		if !inner[p.verb] {
			names = append(names, p.verb)
		}
	}
	for _, v := range builtin() {
		names = append(names, v.Name)
	}
	return spell.Closest(typed, append(names, groups()...))
}
