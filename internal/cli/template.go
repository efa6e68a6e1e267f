// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
)

// escaped is text that an action may put out as it is.
type escaped string

const escaper = "_escape"

// formatFuncs are what a template can call, with podman's names. They replace
// text/template's own printing functions by ones whose result is escaped.
func formatFuncs() template.FuncMap {
	return template.FuncMap{
		escaper: escape,
		"json": func(v any) (escaped, error) {
			data, err := marshal(v, "")
			return escaped(strings.TrimSuffix(string(data), "\n")), err
		},
		"join": func(v any, sep string) escaped {
			return escaped(strings.Join(texts(v), sep))
		},
		"split":   strings.Split,
		"lower":   strings.ToLower,
		"upper":   strings.ToUpper,
		"title":   title,
		"pad":     pad,
		"print":   func(args ...any) escaped { return escaped(fmt.Sprint(escapeAll(args)...)) },
		"println": func(args ...any) escaped { return escaped(fmt.Sprintln(escapeAll(args)...)) },
		"printf":  func(format string, args ...any) escaped { return escaped(fmt.Sprintf(format, escapeAll(args)...)) },
		"truncate": func(s string, n int) string {
			if r := []rune(s); n >= 0 && n < len(r) {
				return string(r[:n])
			}
			return s
		},
	}
}

// escape is appended to each action of a template.
func escape(v any) escaped {
	switch v := v.(type) {
	case nil:
		return "<no value>"
	case escaped:
		return v
	case string:
		return escaped(Printable(v))
	case fmt.Stringer, error:
		return escaped(Printable(fmt.Sprint(v)))
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
		return escape(rv.Elem().Interface())
	}
	return escaped(Printable(fmt.Sprint(v)))
}

// escapeAll leaves numbers what they are, for printf.
func escapeAll(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch reflect.ValueOf(arg).Kind() {
		case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
			reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
			safe[i] = arg
		default:
			safe[i] = string(escape(arg))
		}
	}
	return safe
}

func texts(v any) []string {
	rv := reflect.ValueOf(v)
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array {
		return []string{string(escape(v))}
	}
	list := make([]string, rv.Len())
	for i := range list {
		list[i] = string(escape(rv.Index(i).Interface()))
	}
	return list
}

func title(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToTitle(r[0])
	}
	return string(r)
}

// pad puts blanks before and after a text that is not empty.
func pad(s string, before, after int) string {
	if s == "" {
		return s
	}
	return strings.Repeat(" ", min(max(before, 0), 1000)) + s + strings.Repeat(" ", min(max(after, 0), 1000))
}

// escapeTree appends the escaper to every action that puts something out.
func escapeTree(tmpl *template.Template) {
	for _, t := range tmpl.Templates() {
		if t.Tree != nil {
			walk(t.Root, func(action *parse.ActionNode) {
				if len(action.Pipe.Decl) > 0 || isLiteral(action.Pipe) {
					return
				}
				ident := parse.NewIdentifier(escaper).SetTree(t.Tree).SetPos(action.Pos)
				action.Pipe.Cmds = append(action.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: action.Pos, Args: []parse.Node{ident}})
			})
		}
	}
}

// isLiteral tells {{"\n"}}, which the template's author wrote.
func isLiteral(pipe *parse.PipeNode) bool {
	if len(pipe.Cmds) != 1 || len(pipe.Cmds[0].Args) != 1 {
		return false
	}
	_, ok := pipe.Cmds[0].Args[0].(*parse.StringNode)
	return ok
}

// walk calls visit for every action below a node.
func walk(node parse.Node, visit func(*parse.ActionNode)) {
	branch := func(b *parse.BranchNode) {
		walk(b.List, visit)
		if b.ElseList != nil {
			walk(b.ElseList, visit)
		}
	}
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			walk(child, visit)
		}
	case *parse.ActionNode:
		visit(n)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	}
}

// headings makes the heading line of a table from the template itself: each
// action becomes the last field that it names, in capitals.
func headings(tmpl *template.Template) string {
	var b strings.Builder
	for _, node := range tmpl.Root.Nodes {
		switch n := node.(type) {
		case *parse.TextNode:
			b.Write(n.Text)
		case *parse.ActionNode:
			b.WriteString(heading(n.Pipe))
		}
	}
	return b.String()
}

func heading(pipe *parse.PipeNode) string {
	var name string
	for _, cmd := range pipe.Cmds {
		for _, arg := range cmd.Args {
			if field, ok := arg.(*parse.FieldNode); ok {
				name = field.Ident[len(field.Ident)-1]
			}
		}
	}
	switch name {
	case "ID", "Id":
		return "IMAGE ID"
	case "CreatedSince":
		return "CREATED"
	case "CreatedAt":
		return "CREATED AT"
	}
	return strings.ToUpper(name)
}
