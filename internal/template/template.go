// SPDX-License-Identifier: Apache-2.0

// Package template executes Go templates: those of --format. It parses with
// text/template/parse and differs from text/template in these points.
//
//   - It calls no methods by name. text/template can, so that the linker has
//     to keep every exported method of a program: 3.4 MB in tug-images. An
//     object offers computed fields through Fielder; of time.Time there are
//     Format, Unix, UTC and Local.
//   - What an action puts out is escaped, but for text that the template's
//     author wrote. Names and labels of images cannot forge a line.
//   - There are no {{define}}, {{template}} and {{block}}.
package template

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"text/template/parse"
)

// Template is a parsed template. Several goroutines may execute it.
type Template struct {
	root   *parse.ListNode
	funcs  Funcs
	escape Escape
}

// Funcs are what a template can call beside the predefined ones.
type Funcs map[string]func(args []any) (any, error)

// Safe is text that is put out as it is.
type Safe string

// Fielder is an object with fields that are computed when they are asked for.
// Field is asked before the fields of the struct are.
type Fielder interface {
	Field(name string) (value any, ok bool, err error)
}

// Caller is an object with fields that take arguments, as {{.Label "key"}}.
type Caller interface {
	Call(name string, args []any) (any, error)
}

// Parse reads a template whose output escape makes fit. The predefined functions are and, or, not, eq, ne,
// lt, le, gt, ge, len, index, slice, print, printf and println.
func Parse(text string, escape Escape, funcs Funcs) (*Template, error) {
	all := predefined(escape)
	maps.Copy(all, funcs)
	names := make(map[string]any, len(all))
	for name := range all {
		names[name] = true
	}
	tree, err := parse.New("format").Parse(text, "", "", map[string]*parse.Tree{}, names)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: format:"))
	}
	if tree.Root == nil {
		tree.Root = &parse.ListNode{NodeType: parse.NodeList}
	}
	return &Template{root: tree.Root, funcs: all, escape: escape}, nil
}

// Execute applies the template to data.
func (t *Template) Execute(w io.Writer, data any) error {
	s := &state{t: t, w: w, vars: []variable{{"$", data}}}
	return s.walk(data, t.root)
}

// Headings makes a heading of the template itself: what is between the actions
// as it is, and for an action the last field that it names.
func (t *Template) Headings(name func(field string) string) string {
	var b strings.Builder
	for _, node := range t.root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode:
			b.WriteString(name(lastField(n.Pipe)))
		}
	}
	return b.String()
}

func lastField(pipe *parse.PipeNode) string {
	name := ""
	for _, cmd := range pipe.Cmds {
		for _, arg := range cmd.Args {
			if field, ok := arg.(*parse.FieldNode); ok {
				name = field.Ident[len(field.Ident)-1]
			}
		}
	}
	return name
}

type variable struct {
	name  string
	value any
}

// state is one execution.
type state struct {
	t    *Template
	w    io.Writer
	vars []variable
}

var (
	errBreak    = errors.New("break outside of range")
	errContinue = errors.New("continue outside of range")
)

func (s *state) walk(dot any, node parse.Node) error {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			if err := s.walk(dot, child); err != nil {
				return err
			}
		}
		return nil
	case *parse.TextNode:
		_, err := s.w.Write(n.Text)
		return err
	case *parse.ActionNode:
		return s.action(dot, n.Pipe)
	case *parse.IfNode:
		return s.branch(dot, &n.BranchNode, false)
	case *parse.WithNode:
		return s.branch(dot, &n.BranchNode, true)
	case *parse.RangeNode:
		return s.loop(dot, n)
	case *parse.CommentNode:
		return nil
	case *parse.BreakNode:
		return errBreak
	case *parse.ContinueNode:
		return errContinue
	}
	return fmt.Errorf("%s: not possible here", node)
}

func (s *state) action(dot any, pipe *parse.PipeNode) error {
	value, err := s.pipeline(dot, pipe)
	if err != nil || len(pipe.Decl) > 0 {
		return err
	}
	if text, ok := value.(string); ok && isLiteral(pipe) {
		value = Safe(text)
	}
	_, err = io.WriteString(s.w, s.t.escape.Text(value))
	return err
}

// isLiteral tells {{"\n"}}, which the template's author wrote.
func isLiteral(pipe *parse.PipeNode) bool {
	if len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return false
	}
	_, ok := pipe.Cmds[0].Args[0].(*parse.StringNode)
	return ok
}

func (s *state) branch(dot any, n *parse.BranchNode, with bool) error {
	defer s.forget(len(s.vars))
	value, err := s.pipeline(dot, n.Pipe)
	if err != nil {
		return err
	}
	if !truth(value) {
		return s.walk(dot, n.ElseList)
	}
	if with {
		dot = value
	}
	return s.walk(dot, n.List)
}

func (s *state) loop(dot any, n *parse.RangeNode) error {
	defer s.forget(len(s.vars))
	value, err := s.pipeline(dot, n.Pipe)
	if err != nil {
		return err
	}
	mark := len(s.vars)
	items, err := items(value)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Pipe, err)
	}
	for _, item := range items {
		s.set(n.Pipe, item)
		err := s.walk(item.value, n.List)
		s.forget(mark)
		if errors.Is(err, errBreak) {
			break
		} else if err != nil && !errors.Is(err, errContinue) {
			return err
		}
	}
	if len(items) == 0 {
		return s.walk(dot, n.ElseList)
	}
	return nil
}

// set gives {{range $i, $v := ...}} its variables.
func (s *state) set(pipe *parse.PipeNode, item item) {
	n := len(s.vars)
	switch len(pipe.Decl) {
	case 1:
		s.vars[n-1].value = item.value
	case 2:
		s.vars[n-2].value, s.vars[n-1].value = item.key, item.value
	}
}

func (s *state) forget(n int) { s.vars = s.vars[:n] }

type item struct{ key, value any }

// items lists a slice, an array, a map by its sorted keys, or the numbers
// below an integer.
func items(v any) ([]item, error) {
	rv := indirect(reflect.ValueOf(v))
	var list []item
	switch rv.Kind() {
	case reflect.Invalid:
	case reflect.Slice, reflect.Array:
		for i := range rv.Len() {
			list = append(list, item{i, rv.Index(i).Interface()})
		}
	case reflect.Map:
		for _, key := range sorted(rv.MapKeys()) {
			list = append(list, item{key.Interface(), rv.MapIndex(key).Interface()})
		}
	default:
		return nil, fmt.Errorf("range over %s", rv.Type())
	}
	return list, nil
}
