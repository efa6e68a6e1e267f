// SPDX-License-Identifier: Apache-2.0

package rootdir_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rule: nobody but this package and libstorage/rootfs, which makes the root
// file systems, hands a path inside one to the os package. Such a path is
// recognized by its name. Each exception says why in the line, after this mark.
const allowMark = "rootdir:allow "

// pathCalls are the functions that take a path, by package.
func pathCalls() map[string][]string {
	files := []string{"Chmod", "Chown", "Chtimes", "Create", "DirFS", "Lchown", "Link", "Lstat", "Mkdir", "MkdirAll", "Open", "OpenFile", "ReadDir", "ReadFile",
		"Readlink", "Remove", "RemoveAll", "Rename", "Stat", "Symlink", "Truncate", "WriteFile"}
	return map[string][]string{
		"os":       files,
		"unix":     append([]string{"Mknod", "Mkfifo", "Setxattr", "Lsetxattr", "Getxattr", "Lgetxattr", "Unlink", "Rmdir", "Access"}, files...),
		"syscall":  append([]string{"Mknod", "Mkfifo", "Unlink", "Rmdir"}, files...),
		"filepath": {"EvalSymlinks", "Glob", "Walk", "WalkDir", "Join"},
		"path":     {"Join"},
		"ioutil":   {"ReadFile", "WriteFile", "ReadDir"},
	}
}

// rootNames are how a path to a root file system is called.
func rootNames() []string { return []string{"rootfs", "merged", "mountpoint"} }

func namesRoot(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(rootNames(), func(s string) bool { return strings.Contains(name, s) })
}

// violations finds the calls that break the rule in one file.
func violations(file *ast.File, files *token.FileSet) []string {
	allowed := map[int]bool{}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			if _, why, found := strings.Cut(comment.Text, allowMark); found && strings.TrimSpace(why) != "" {
				line := files.Position(comment.Pos()).Line
				allowed[line], allowed[line+1] = true, true
			}
		}
	}
	calls := pathCalls()
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		function, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := function.X.(*ast.Ident)
		if !ok || !slices.Contains(calls[pkg.Name], function.Sel.Name) {
			return true
		}
		position, args := files.Position(call.Pos()), call.Args
		if function.Sel.Name == "Join" { // the name of a root itself may be made, not one beneath it
			args = args[:max(0, len(args)-1)]
		}
		if slices.ContainsFunc(args, mentionsRoot) && !allowed[position.Line] {
			found = append(found, position.String()+": "+pkg.Name+"."+function.Sel.Name)
		}
		return true
	})
	return found
}

// mentionsRoot looks for a name of a root in an argument, calls in it too.
func mentionsRoot(arg ast.Expr) bool {
	mentions := false
	ast.Inspect(arg, func(node ast.Node) bool {
		if ident, ok := node.(*ast.Ident); ok && namesRoot(ident.Name) {
			mentions = true
		}
		return !mentions
	})
	return mentions
}

func TestNoStringPathsIntoRoots(t *testing.T) {
	top := filepath.Join("..", "..")
	files := token.NewFileSet()
	checked := 0
	err := filepath.WalkDir(top, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(top, name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			skip := slices.Contains([]string{".git", "testdata", "vendor", "node_modules", "build", "bin"}, entry.Name()) ||
				inside == filepath.Join("internal", "rootdir") || inside == filepath.Join("libstorage", "rootfs") || inside == "test" || inside == "bench"
			if skip {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(files, name, source, parser.ParseComments)
		if err != nil {
			return nil // the compiler says it better
		}
		checked++
		for _, v := range violations(file, files) {
			t.Errorf("%s with a path into a root file system: use internal/rootdir, or say why not with %q", v, "// "+allowMark+"REASON")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 20 {
		t.Errorf("only %d files were looked at", checked)
	}
}

// The rule must catch what it is there for.
func TestLintCatches(t *testing.T) {
	for source, want := range map[string]int{
		`os.ReadFile(rootfs + "/etc/passwd")`:                           1,
		`os.Open(filepath.Join(c.Rootfs, "etc"))`:                       2,
		`os.Stat(container.MergedDir())`:                                1,
		`unix.Mkfifo(mountPoint, 0)`:                                    1,
		`filepath.Join(dir, "rootfs"+x, rootfs)`:                        0,
		`os.Open(path)`:                                                 0,
		`rootdir.Open(rootfs)`:                                          0,
		"os.Open(rootfs) // rootdir:allow it is the root itself":        0,
		"// rootdir:allow it is the root itself\n\tos.Open(rootfs)":     0,
		"os.Open(rootfs) // rootdir:allow ":                             1,
		"// rootdir:allow too far away\n\n\n\tos.Open(rootfs)":          1,
		`os.Rename(tmp, filepath.Join(dir, "x")); root.Stat(rootfsDir)`: 0,
	} {
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, "x.go", "package x\nfunc f() {\n\t"+source+"\n}\n", parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := violations(file, files); len(got) != want {
			t.Errorf("%s: %d findings %v; want %d", source, len(got), got, want)
		}
	}
}
