// SPDX-License-Identifier: Apache-2.0

// Package unpack is the process that unpacks layers.
package unpack
