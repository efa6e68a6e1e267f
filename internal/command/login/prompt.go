// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

const maxPassword = 64 << 10

// credentials gives USER:PASSWORD from flags, stdin or a person.
func (o *options) credentials(registry string, stdin io.Reader, stderr io.Writer) (string, error) {
	user, password := o.username, o.password
	if o.passwordStdin {
		if user == "" || password != "" {
			return "", usage("--password-stdin needs --username, and no --password")
		}
		raw, err := io.ReadAll(io.LimitReader(stdin, maxPassword+1))
		if err != nil || len(raw) > maxPassword {
			return "", errors.Join(usage("the password on stdin cannot be read, or is too long"), err)
		}
		password = strings.TrimRight(string(raw), "\r\n")
		return user + ":" + password, nil
	}
	if user != "" && password != "" {
		return user + ":" + password, nil
	}
	f, ok := stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", usage("stdin is no terminal: give --username and --password-stdin")
	}
	return ask(registry, user, password, f, stderr)
}

func ask(registry, user, password string, terminal *os.File, stderr io.Writer) (string, error) {
	if user == "" {
		fmt.Fprint(stderr, "Username: ")
		line, err := bufio.NewReader(terminal).ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("read the user name for %s: %w", registry, err)
		}
		if user = strings.TrimSpace(line); user == "" {
			return "", usage("no user name")
		}
	}
	if password == "" {
		fmt.Fprint(stderr, "Password: ")
		raw, err := term.ReadPassword(int(terminal.Fd()))
		fmt.Fprintln(stderr)
		if err != nil {
			return "", fmt.Errorf("read the password for %s: %w", registry, err)
		}
		password = string(raw)
	}
	return user + ":" + password, nil
}
