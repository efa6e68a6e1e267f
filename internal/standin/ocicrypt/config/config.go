// SPDX-License-Identifier: Apache-2.0

// Package config has the types that the image library's options mention.
package config

// EncryptConfig would say how to encrypt.
type EncryptConfig struct{}

// DecryptConfig would say how to decrypt.
type DecryptConfig struct{}
