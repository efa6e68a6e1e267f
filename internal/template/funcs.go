// SPDX-License-Identifier: Apache-2.0

package template

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
)

// Escape makes text fit to be put out.
type Escape func(string) string

// Text is what a value looks like when it is put out.
func (e Escape) Text(v any) string {
	switch v := v.(type) {
	case nil, none:
		return "<no value>"
	case Safe:
		return string(v)
	case string:
		return e(v)
	case fmt.Stringer, error:
		return e(fmt.Sprint(v))
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
		return e.Text(rv.Elem().Interface())
	}
	return e(fmt.Sprint(v))
}

func predefined(e Escape) Funcs {
	return Funcs{
		"and": nil, "or": nil,
		"not":     func(args []any) (any, error) { return onArg(args, func(v any) (any, error) { return !truth(v), nil }) },
		"len":     func(args []any) (any, error) { return onArg(args, length) },
		"index":   index,
		"slice":   slice,
		"eq":      equal,
		"ne":      func(args []any) (any, error) { return not(pair(args, equal)) },
		"lt":      func(args []any) (any, error) { return order(args, func(c int) bool { return c < 0 }) },
		"le":      func(args []any) (any, error) { return order(args, func(c int) bool { return c <= 0 }) },
		"gt":      func(args []any) (any, error) { return order(args, func(c int) bool { return c > 0 }) },
		"ge":      func(args []any) (any, error) { return order(args, func(c int) bool { return c >= 0 }) },
		"print":   func(args []any) (any, error) { return Safe(fmt.Sprint(e.texts(args)...)), nil },
		"println": func(args []any) (any, error) { return Safe(fmt.Sprintln(e.texts(args)...)), nil },
		"printf":  e.printf,
	}
}

// texts leaves numbers what they are, for the verbs of printf.
func (e Escape) texts(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch k := reflect.ValueOf(arg).Kind(); {
		case k >= reflect.Bool && k <= reflect.Float64:
			safe[i] = arg
		default:
			safe[i] = e.Text(arg)
		}
	}
	return safe
}

func (e Escape) printf(args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArgs
	}
	format, ok := args[0].(string)
	if !ok {
		return nil, errors.New("wants a format")
	}
	return Safe(fmt.Sprintf(format, e.texts(args[1:])...)), nil
}

var errArgs = errors.New("wrong number of arguments")

func onArg(args []any, do func(any) (any, error)) (any, error) {
	if len(args) != 1 {
		return nil, errArgs
	}
	return do(args[0])
}

func pair(args []any, do func([]any) (any, error)) (any, error) {
	if len(args) != 2 {
		return nil, errArgs
	}
	return do(args)
}

func not(v any, err error) (any, error) { return v != true, err }

func length(v any) (any, error) {
	rv := indirect(reflect.ValueOf(v))
	switch rv.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map, reflect.String:
		return rv.Len(), nil
	}
	return nil, fmt.Errorf("%T has no length", v)
}

func index(args []any) (any, error) {
	if len(args) == 0 {
		return nil, errArgs
	}
	v := indirect(reflect.ValueOf(args[0]))
	for _, key := range args[1:] {
		kv := reflect.ValueOf(key)
		switch v.Kind() {
		case reflect.Slice, reflect.Array, reflect.String:
			if !kv.CanInt() || kv.Int() < 0 || kv.Int() >= int64(v.Len()) {
				return nil, fmt.Errorf("%v: out of range", key)
			}
			v = indirect(v.Index(int(kv.Int())))
		case reflect.Map:
			if !kv.IsValid() || !kv.CanConvert(v.Type().Key()) {
				return nil, fmt.Errorf("%v: not a key", key)
			}
			v = v.MapIndex(kv.Convert(v.Type().Key()))
			if !v.IsValid() {
				return none{}, nil
			}
			v = indirect(v)
		default:
			return nil, errors.New("not a list, a map or a text")
		}
	}
	if !v.IsValid() {
		return none{}, nil
	}
	return v.Interface(), nil
}

func slice(args []any) (any, error) {
	if len(args) < 1 || len(args) > 3 {
		return nil, errArgs
	}
	v := indirect(reflect.ValueOf(args[0]))
	if k := v.Kind(); k != reflect.Slice && k != reflect.String {
		return nil, errors.New("not a list or a text")
	}
	bounds := [2]int{0, v.Len()}
	for i, arg := range args[1:] {
		kv := reflect.ValueOf(arg)
		if !kv.CanInt() || kv.Int() < 0 || kv.Int() > int64(v.Len()) {
			return nil, fmt.Errorf("%v: out of range", arg)
		}
		bounds[i] = int(kv.Int())
	}
	if bounds[0] > bounds[1] {
		return nil, fmt.Errorf("%d: out of range", bounds[0])
	}
	return v.Slice(bounds[0], bounds[1]).Interface(), nil
}

// equal compares the first argument with any of the others.
func equal(args []any) (any, error) {
	if len(args) < 2 {
		return nil, errArgs
	}
	for _, other := range args[1:] {
		c, comparable := compare(args[0], other)
		if comparable && c == 0 {
			return true, nil
		}
	}
	return false, nil
}

func order(args []any, is func(int) bool) (any, error) {
	if len(args) != 2 {
		return nil, errArgs
	}
	c, comparable := compare(args[0], args[1])
	if !comparable {
		return nil, fmt.Errorf("%T and %T have no order", args[0], args[1])
	}
	return is(c), nil
}

// compare orders texts, numbers and booleans among themselves.
func compare(a, b any) (int, bool) {
	x, y := indirect(reflect.ValueOf(a)), indirect(reflect.ValueOf(b))
	number := func(v reflect.Value) (float64, bool) {
		switch {
		case v.CanInt():
			return float64(v.Int()), true
		case v.CanUint():
			return float64(v.Uint()), true
		case v.CanFloat():
			return v.Float(), true
		}
		return 0, false
	}
	switch {
	case !x.IsValid() || !y.IsValid():
		return 1, x.IsValid() == y.IsValid()
	case x.CanInt() && y.CanInt():
		return cmp.Compare(x.Int(), y.Int()), true
	case x.Kind() == reflect.String && y.Kind() == reflect.String:
		return cmp.Compare(x.String(), y.String()), true
	case x.Kind() == reflect.Bool && y.Kind() == reflect.Bool:
		if x.Bool() == y.Bool() {
			return 0, true
		}
		return 1, true
	}
	n, ok := number(x)
	m, okToo := number(y)
	return cmp.Compare(n, m), ok && okToo
}
