// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// A sourceRule finds, in one parsed file, the places that break it.
type sourceRule struct {
	name, reason string
	// within are the folders that it holds for, none means all, but for those
	// of except. Tests are never looked at.
	within, except []string
	find           func(*ast.File) []ast.Node
}

var (
	libraries = []string{"libstorage/", "libimage/", "libexec/"}
	product   = []string{"libstorage/", "libimage/", "libexec/", "cmd/", "internal/"}

	// A worker is the main of another process, which happens to stand in a
	// library because its caller re-executes itself.
	workers = []string{"libimage/unpack/"}
)

var sourceRules = []sourceRule{
	{
		name:   "init",
		reason: "work before main is paid at every start of every program, and nobody sees it in main",
		find:   findInit,
	},
	{
		name:   "regexp",
		reason: "a regular expression compiled at package level costs up to a millisecond at every start, used or not",
		find: func(f *ast.File) []ast.Node {
			return packageCalls(f, "regexp", "MustCompile", "Compile", "MustCompilePOSIX")
		},
	},
	{
		name:   "blank-import",
		reason: "what registers itself by being imported cannot be found by reading the calls",
		find:   findBlankImports,
	},
	{
		name:   "print",
		except: workers,
		reason: "stdout and stderr belong to the program that calls a library",
		within: libraries,
		find: func(f *ast.File) []ast.Node {
			return append(calls(f, "fmt", "Print", "Println", "Printf"), selectors(f, "os", "Stdout", "Stderr")...)
		},
	},
	{
		name:   "exit",
		except: workers,
		reason: "a library that ends the process takes the clean-up of its caller away",
		within: libraries,
		find: func(f *ast.File) []ast.Node {
			return append(calls(f, "os", "Exit"), calls(f, "log", "Fatal", "Fatalf", "Fatalln")...)
		},
	},
	{
		name:   "environment",
		except: workers,
		reason: "configuration comes by argument: two users of a library in one process share the environment",
		within: libraries,
		find:   func(f *ast.File) []ast.Node { return calls(f, "os", "Getenv", "LookupEnv", "Environ", "Setenv") },
	},
	{
		name:   "create",
		within: product,
		reason: "os.Create truncates what is there and follows links: write a temporary file and rename it, or use O_EXCL",
		find:   func(f *ast.File) []ast.Node { return calls(f, "os", "Create") },
	},
	{
		name:   "error-text",
		reason: "the wording of an error changes: decide by errors.Is and errors.As",
		find:   findErrorText,
	},
}

func findInit(f *ast.File) []ast.Node {
	var found []ast.Node
	for _, decl := range f.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, fn)
		}
	}
	return found
}

func findBlankImports(f *ast.File) []ast.Node {
	var found []ast.Node
	for _, spec := range f.Imports {
		if spec.Name != nil && spec.Name.Name == "_" && spec.Path.Value != `"embed"` {
			found = append(found, spec)
		}
	}
	return found
}

// findErrorText finds strings.Contains(err.Error(), ...) and its like, and
// err.Error() == "...".
func findErrorText(f *ast.File) []ast.Node {
	var found []ast.Node
	isText := func(e ast.Expr) bool {
		call, ok := e.(*ast.CallExpr)
		if !ok || len(call.Args) != 0 {
			return false
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Error"
	}
	for _, node := range calls(f, "strings", "Contains", "HasPrefix", "HasSuffix", "Index", "EqualFold", "Cut") {
		if isText(node.(*ast.CallExpr).Args[0]) {
			found = append(found, node)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if b, ok := n.(*ast.BinaryExpr); ok && (b.Op == token.EQL || b.Op == token.NEQ) && (isText(b.X) || isText(b.Y)) {
			found = append(found, b)
		}
		return true
	})
	return found
}

// local gives the name that a file uses for an imported package, or "".
func local(f *ast.File, path string) string {
	for _, spec := range f.Imports {
		if got, err := strconv.Unquote(spec.Path.Value); err != nil || got != path {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}

func selectors(root ast.Node, pkg string, names ...string) []ast.Node {
	f, ok := root.(*ast.File)
	if !ok {
		return nil
	}
	name := local(f, pkg)
	var found []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if isSelector(n, name, names) {
			found = append(found, n)
		}
		return true
	})
	return found
}

func calls(f *ast.File, pkg string, names ...string) []ast.Node {
	return callsIn(f, local(f, pkg), names)
}

func callsIn(root ast.Node, name string, names []string) []ast.Node {
	var found []ast.Node
	ast.Inspect(root, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, name, names) {
			found = append(found, call)
		}
		return true
	})
	return found
}

func isSelector(n ast.Node, name string, names []string) bool {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok || name == "" {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok || x.Name != name {
		return false
	}
	for _, want := range names {
		if sel.Sel.Name == want {
			return true
		}
	}
	return false
}

// packageCalls finds calls that run when the package is initialised: those in
// a package-level variable, but not inside a function literal there.
func packageCalls(f *ast.File, pkg string, names ...string) []ast.Node {
	var found []ast.Node
	for _, decl := range f.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		ast.Inspect(gen, func(n ast.Node) bool {
			if _, ok := n.(*ast.FuncLit); ok {
				return false
			}
			if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, local(f, pkg), names) {
				found = append(found, call)
			}
			return true
		})
	}
	return found
}

// lint applies the rules to one file.
func lint(path, source string) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(source, "\n")
	var faults []string
	for _, rule := range sourceRules {
		if !under(path, rule.within) || rule.except != nil && under(path, rule.except) {
			continue
		}
		for _, node := range rule.find(file) {
			line := fset.Position(node.Pos()).Line
			if !allowed(lines, line, rule.name) {
				faults = append(faults, fmt.Sprintf("%s:%d: %s: %s", path, line, rule.name, rule.reason))
			}
		}
	}
	return faults, nil
}

func under(path string, folders []string) bool {
	for _, folder := range folders {
		if strings.HasPrefix(path, folder) {
			return true
		}
	}
	return len(folders) == 0
}

func TestSource(t *testing.T) {
	for _, path := range goFiles(t) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		faults, err := lint(path, read(t, path))
		if err != nil {
			t.Error(err)
		}
		for _, fault := range faults {
			t.Error(fault)
		}
	}
}

func TestSourceRulesCanFail(t *testing.T) {
	for _, test := range []struct{ rule, path, source string }{
		{"init", "a/a.go", "func init() {}"},
		{"regexp", "a/a.go", `import "regexp"; var x = regexp.MustCompile("a")`},
		{"regexp", "a/a.go", `import r "regexp"; var ( y = 1; x = []*r.Regexp{r.MustCompile("a")} )`},
		{"blank-import", "a/a.go", `import _ "image/png"`},
		{"print", "libexec/a.go", `import "fmt"; func f() { fmt.Println() }`},
		{"print", "libstorage/x/a.go", `import "os"; func f() { _ = os.Stderr }`},
		{"exit", "libimage/a.go", `import "os"; func f() { os.Exit(1) }`},
		{"environment", "libimage/a.go", `import "os"; var x = os.Getenv("A")`},
		{"create", "cmd/a.go", `import "os"; func f() { os.Create("x") }`},
		{"error-text", "cmd/a.go", `import "strings"; func f(err error) bool { return strings.Contains(err.Error(), "x") }`},
		{"error-text", "cmd/a.go", `func f(err error) bool { return err.Error() == "x" }`},
		{"", "libimage/unpack/a.go", `import "os"; func f() { os.Exit(1); _ = os.Getenv("A") }`},
		{"", "test/a.go", `import "os"; func f() { os.Create("x") }`},
		{"", "cmd/a.go", `import "os"; func f() { os.Exit(1); _ = os.Getenv("A"); _ = os.Stdout }`},
		{"", "libexec/a.go", `type T struct{}; func (T) init() {}; func g() { var init int; _ = init }`},
		{"", "libexec/a.go", `import "regexp"; var x = func() *regexp.Regexp { return regexp.MustCompile("a") }; func f() { regexp.MustCompile("b") }`},
		{"", "libexec/a.go", "import \"os\"\n// house: allow create: the file is new, its folder was just made\nfunc f() { os.Create(\"x\") }"},
	} {
		faults, err := lint(test.path, "package a\n"+test.source)
		if err != nil {
			t.Errorf("%s: %v", test.source, err)
			continue
		}
		switch {
		case test.rule == "" && len(faults) > 0:
			t.Errorf("%s: %q", test.source, faults)
		case test.rule != "" && (len(faults) != 1 || !strings.Contains(faults[0], ": "+test.rule+": ")):
			t.Errorf("%s: %q, want one fault by rule %s", test.source, faults, test.rule)
		}
	}
}
