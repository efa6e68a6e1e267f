// SPDX-License-Identifier: Apache-2.0

package template

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"text/template/parse"
	"time"
)

// none is the value of what is not there, as in {{.Labels.missing}}.
type none struct{}

// pipeline evaluates commands, each with the result of the one before it as
// its last argument, and sets the variables that it declares.
func (s *state) pipeline(dot any, pipe *parse.PipeNode) (value any, err error) {
	for i, cmd := range pipe.Cmds {
		if value, err = s.command(dot, cmd, value, i > 0); err != nil {
			return nil, err
		}
	}
	for _, decl := range pipe.Decl {
		if !pipe.IsAssign {
			s.vars = append(s.vars, variable{decl.Ident[0], value})
			continue
		}
		v, err := s.variable(decl.Ident[0])
		if err != nil {
			return nil, err
		}
		v.value = value
	}
	return value, nil
}

func (s *state) command(dot any, cmd *parse.CommandNode, last any, piped bool) (any, error) {
	var args []any
	rest := func() error {
		for _, arg := range cmd.Args[1:] {
			value, err := s.arg(dot, arg)
			if err != nil {
				return err
			}
			args = append(args, value)
		}
		if piped {
			args = append(args, last)
		}
		return nil
	}
	switch first := cmd.Args[0].(type) {
	case *parse.IdentifierNode:
		if first.Ident == "and" || first.Ident == "or" {
			return s.logic(dot, cmd, last, piped)
		}
		if err := rest(); err != nil {
			return nil, err
		}
		value, err := s.t.funcs[first.Ident](args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", first.Ident, err)
		}
		return value, nil
	case *parse.FieldNode:
		return s.fields(dot, first.Ident, rest, &args)
	case *parse.VariableNode:
		v, err := s.variable(first.Ident[0])
		if err != nil {
			return nil, err
		}
		return s.fields(v.value, first.Ident[1:], rest, &args)
	case *parse.ChainNode:
		value, err := s.arg(dot, first.Node)
		if err != nil {
			return nil, err
		}
		return s.fields(value, first.Field, rest, &args)
	}
	if len(cmd.Args) > 1 || piped {
		return nil, fmt.Errorf("%s: not a function", cmd.Args[0])
	}
	return s.arg(dot, cmd.Args[0])
}

// arg evaluates what stands for itself.
func (s *state) arg(dot any, node parse.Node) (any, error) {
	switch n := node.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.NilNode:
		return nil, nil
	case *parse.BoolNode:
		return n.True, nil
	case *parse.StringNode:
		return n.Text, nil
	case *parse.NumberNode:
		switch {
		case n.IsInt:
			return int(n.Int64), nil
		case n.IsFloat:
			return n.Float64, nil
		}
		return nil, fmt.Errorf("%s: not a number that fits", n)
	case *parse.PipeNode:
		return s.pipeline(dot, n)
	case *parse.FieldNode, *parse.VariableNode, *parse.ChainNode, *parse.IdentifierNode:
		return s.command(dot, &parse.CommandNode{Args: []parse.Node{n}}, nil, false)
	}
	return nil, fmt.Errorf("%s: not possible here", node)
}

// logic is "and" and "or", which stop at the argument that decides.
func (s *state) logic(dot any, cmd *parse.CommandNode, last any, piped bool) (any, error) {
	name := cmd.Args[0].(*parse.IdentifierNode).Ident
	if len(cmd.Args) == 1 && !piped {
		return nil, fmt.Errorf("%s: wants an argument", name)
	}
	var value any
	for _, arg := range cmd.Args[1:] {
		var err error
		if value, err = s.arg(dot, arg); err != nil || truth(value) == (name == "or") {
			return value, err
		}
	}
	if piped {
		return last, nil
	}
	return value, nil
}

func (s *state) variable(name string) (*variable, error) {
	for i := range slices.Backward(s.vars) {
		if s.vars[i].name == name {
			return &s.vars[i], nil
		}
	}
	return nil, fmt.Errorf("%s: not a variable here", name)
}

// fields follows .A.B.C; only a method at the end takes arguments.
func (s *state) fields(value any, names []string, rest func() error, args *[]any) (any, error) {
	if err := rest(); err != nil {
		return nil, err
	}
	for i, name := range names {
		var given []any
		if i == len(names)-1 {
			given = *args
		}
		if t, ok := value.(*time.Time); ok && t != nil {
			value = *t
		}
		if t, ok := value.(time.Time); ok {
			var err error
			if value, err = timeMethod(t, name, given); err != nil {
				return nil, err
			}
			continue
		}
		if len(given) > 0 {
			caller, ok := value.(Caller)
			if !ok {
				return nil, fmt.Errorf(".%s: takes no argument", name)
			}
			return caller.Call(name, given)
		}
		var err error
		if value, err = field(value, name); err != nil {
			return nil, err
		}
	}
	if len(names) == 0 && len(*args) > 0 {
		return nil, errors.New("a variable takes no argument")
	}
	return value, nil
}

func timeMethod(t time.Time, name string, args []any) (any, error) {
	if name == "Format" && len(args) == 1 {
		if layout, ok := args[0].(string); ok {
			return t.Format(layout), nil
		}
	}
	if len(args) == 0 {
		switch name {
		case "Unix":
			return t.Unix(), nil
		case "UTC":
			return t.UTC(), nil
		case "Local":
			return t.Local(), nil
		case "String":
			return t.String(), nil
		}
	}
	return nil, fmt.Errorf(".%s: of a time there are Format LAYOUT, Unix, UTC and Local", name)
}

func field(value any, name string) (any, error) {
	if f, ok := value.(Fielder); ok {
		if value, ok, err := f.Field(name); ok || err != nil {
			return value, err
		}
	}
	rv := indirect(reflect.ValueOf(value))
	switch rv.Kind() {
	case reflect.Struct:
		if f, ok := rv.Type().FieldByName(name); ok && f.IsExported() {
			got, err := rv.FieldByIndexErr(f.Index)
			if err != nil {
				return none{}, nil
			}
			return got.Interface(), nil
		}
	case reflect.Map:
		if rv.Type().Key().Kind() == reflect.String {
			got := rv.MapIndex(reflect.ValueOf(name).Convert(rv.Type().Key()))
			if !got.IsValid() {
				return none{}, nil
			}
			return got.Interface(), nil
		}
	case reflect.Invalid:
		return nil, fmt.Errorf(".%s: of nothing", name)
	}
	return nil, fmt.Errorf(".%s: there is no such field", name)
}

// indirect follows pointers; what is nil or missing is the zero Value.
func indirect(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.IsValid() && v.Type() == reflect.TypeFor[none]() {
		return reflect.Value{}
	}
	return v
}

// truth is what {{if}} decides by: not zero, not empty.
func truth(v any) bool {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() {
		return false
	}
	switch rv.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map, reflect.String:
		return rv.Len() > 0
	case reflect.Pointer, reflect.Interface:
		return !rv.IsNil()
	case reflect.Struct:
		return rv.Type() != reflect.TypeFor[none]()
	}
	return !rv.IsZero()
}

func sorted(keys []reflect.Value) []reflect.Value {
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		return strings.Compare(fmt.Sprint(a.Interface()), fmt.Sprint(b.Interface()))
	})
	return keys
}
