// SPDX-License-Identifier: Apache-2.0

// Package systemd has tests of containers that are units, on machines with a
// systemd of their own: Debian's, booted as process 1 of a systemd-nspawn container.
package systemd
