// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/tug-containers/tug/internal/template"
)

// formatFuncs are what a template can call, with podman's names.
func formatFuncs() template.Funcs {
	return template.Funcs{
		"json": func(args []any) (any, error) {
			if len(args) != 1 {
				return nil, errors.New("wants one value")
			}
			data, err := marshal(args[0], "")
			return template.Safe(strings.TrimSuffix(string(data), "\n")), err
		},
		"join":     join,
		"split":    split,
		"lower":    onText(strings.ToLower),
		"upper":    onText(strings.ToUpper),
		"title":    onText(title),
		"pad":      pad,
		"truncate": truncate,
	}
}

func onText(do func(string) string) func([]any) (any, error) {
	return func(args []any) (any, error) {
		if len(args) != 1 {
			return nil, errors.New("wants one text")
		}
		return do(text(args[0])), nil
	}
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return template.Escape(Printable).Text(v)
}

// join puts a list together; the separator is the template author's.
func join(args []any) (any, error) {
	list, sep, err := listAndText(args)
	for i := range list {
		list[i] = Printable(list[i])
	}
	return template.Safe(strings.Join(list, sep)), err
}

func listAndText(args []any) ([]string, string, error) {
	if len(args) != 2 {
		return nil, "", errors.New("wants a list and a text")
	}
	rv := reflect.ValueOf(args[0])
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array {
		return nil, "", fmt.Errorf("%T is not a list", args[0])
	}
	list := make([]string, rv.Len())
	for i := range list {
		list[i] = text(rv.Index(i).Interface())
	}
	return list, text(args[1]), nil
}

func split(args []any) (any, error) {
	if len(args) != 2 {
		return nil, errors.New("wants a text and a separator")
	}
	return strings.Split(text(args[0]), text(args[1])), nil
}

func title(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToTitle(r[0])
	}
	return string(r)
}

// pad puts blanks before and after a text that is not empty.
func pad(args []any) (any, error) {
	s, n, err := textAndNumbers(args, 2)
	if err != nil || s == "" {
		return s, err
	}
	return strings.Repeat(" ", min(n[0], 1000)) + s + strings.Repeat(" ", min(n[1], 1000)), nil
}

func truncate(args []any) (any, error) {
	s, n, err := textAndNumbers(args, 1)
	if r := []rune(s); err == nil && n[0] < len(r) {
		s = string(r[:n[0]])
	}
	return s, err
}

func textAndNumbers(args []any, count int) (string, []int, error) {
	if len(args) != 1+count {
		return "", nil, fmt.Errorf("wants a text and %d numbers", count)
	}
	var numbers []int
	for _, arg := range args[1:] {
		n, ok := arg.(int)
		if !ok || n < 0 {
			return "", nil, fmt.Errorf("%v is not a number", arg)
		}
		numbers = append(numbers, n)
	}
	return text(args[0]), numbers, nil
}
