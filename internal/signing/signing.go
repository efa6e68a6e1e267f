// SPDX-License-Identifier: Apache-2.0

// Package signing has the flags by which a command that copies images signs what it
// has copied.
package signing

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"
	"go.podman.io/image/v5/pkg/cli/sigstore/params"
	"golang.org/x/term"

	"github.com/tug-containers/tug/internal/errclass"
	"github.com/tug-containers/tug/libimage"
)

// Flags are those of a command.
type Flags struct {
	gpg, params, key, passphrase string
}

// AddFlags adds them.
func AddFlags(f *pflag.FlagSet) *Flags {
	s := &Flags{}
	f.StringVar(&s.gpg, "sign-by", "", "Sign with the GPG key of this `FINGERPRINT`")
	f.StringVar(&s.params, "sign-by-sigstore", "", "Sign as the sigstore parameters in `FILE` say")
	f.StringVar(&s.key, "sign-by-sigstore-private-key", "", "Sign with the sigstore private key in `FILE`")
	f.StringVar(&s.passphrase, "sign-passphrase-file", "", "Read the passphrase of the key from `FILE`")
	return s
}

// Fill says in the options of a copy how to sign. A passphrase that no file has is
// asked for on a terminal.
func (s *Flags) Fill(o *libimage.CopyOptions, stdin io.Reader, stderr io.Writer) error {
	if s.gpg != "" && (s.key != "" || s.params != "") {
		return usage("--sign-by", "--sign-by: not together with a sigstore key")
	}
	o.SignBy = s.gpg
	if s.passphrase != "" && s.key == "" && s.gpg == "" {
		return usage("--sign-passphrase-file", "--sign-passphrase-file: for which key? Say --sign-by-sigstore-private-key")
	}
	if s.key != "" {
		key, err := readKey(s.key, s.passphrase, stdin, stderr)
		if err != nil {
			return err
		}
		o.SignKeys = append(o.SignKeys, key)
	}
	if s.params == "" {
		return nil
	}
	p, err := params.ParseFile(s.params)
	if err != nil {
		return errclass.New(errclass.Usage, s.params, fmt.Errorf("--sign-by-sigstore: %w", err))
	}
	for _, service := range []struct {
		name  string
		asked bool
	}{{"fulcio", p.Fulcio != nil}, {"rekorURL", p.RekorURL != ""}} {
		if service.asked {
			return errclass.New(errclass.Unsupported, s.params, fmt.Errorf(
				"--sign-by-sigstore: %s: %s is not supported: only privateKeyFile and privateKeyPassphraseFile are", s.params, service.name))
		}
	}
	if p.PrivateKeyFile == "" {
		return usage(s.params, "--sign-by-sigstore: "+s.params+": it has no privateKeyFile")
	}
	key, err := readKey(p.PrivateKeyFile, p.PrivateKeyPassphraseFile, stdin, stderr)
	if err == nil {
		o.SignKeys = append(o.SignKeys, key)
	}
	return err
}

const passphraseLimit = 64 << 10

func readKey(file, passphraseFile string, stdin io.Reader, stderr io.Writer) (libimage.SignKey, error) {
	key := libimage.SignKey{File: file}
	if passphraseFile == "" {
		terminal, ok := stdin.(*os.File)
		if !ok || !term.IsTerminal(int(terminal.Fd())) {
			return key, usage(file, "the passphrase of "+file+": stdin is no terminal: say --sign-passphrase-file")
		}
		fmt.Fprintf(stderr, "Passphrase of %s: ", file)
		var err error
		key.Passphrase, err = term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(stderr)
		return key, err
	}
	f, err := os.Open(passphraseFile)
	if err != nil {
		return key, errclass.New(errclass.NotFound, passphraseFile, fmt.Errorf("--sign-passphrase-file: %w", err))
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, passphraseLimit))
	if err != nil {
		return key, fmt.Errorf("--sign-passphrase-file: %w", err)
	}
	// As other tools have it, a passphrase is a line.
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	key.Passphrase = bytes.TrimSuffix(line, []byte("\r"))
	if key.Passphrase == nil {
		key.Passphrase = []byte{}
	}
	return key, nil
}

func usage(object, message string) error {
	return errclass.New(errclass.Usage, object, errors.New(message))
}
