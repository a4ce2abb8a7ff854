// Sdkgen writes the Node.js and Go SDKs of a Pulumi package schema: `sdkgen SCHEMA FOLDER` makes FOLDER/nodejs and
// FOLDER/go. It calls the code generators that `pulumi package gen-sdk` reaches through the language hosts.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	golang "github.com/pulumi/pulumi/pkg/v3/codegen/go"
	"github.com/pulumi/pulumi/pkg/v3/codegen/nodejs"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

// What the header of each file names as its maker.
const tool = "scripts/sdks"

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: sdkgen SCHEMA FOLDER"))
	}
	text, err := os.ReadFile(os.Args[1])
	fail(err)
	fail(write(filepath.Join(os.Args[2], "nodejs"), func() (map[string][]byte, error) {
		// As a local SDK: its package.json compiles it when it is installed from this folder. The loader, which is nil,
		// is asked for the packages that a schema depends on, and ours depends on none.
		return nodejs.GeneratePackage(tool, bind(text), nil, nil, true, nil)
	}))
	fail(write(filepath.Join(os.Args[2], "go"), func() (map[string][]byte, error) {
		return golang.GeneratePackage(tool, bind(text), nil)
	}))
}

// bind reads the schema afresh for each language: a generator changes the package that it is given.
func bind(text []byte) *schema.Package {
	var spec schema.PackageSpec
	fail(json.Unmarshal(text, &spec))
	pkg, diagnostics, err := schema.BindSpec(spec, schema.NewNullLoader(), schema.ValidationOptions{})
	fail(err)
	if diagnostics.HasErrors() {
		fail(diagnostics)
	}
	return pkg
}

func write(folder string, generate func() (map[string][]byte, error)) error {
	files, err := generate()
	if err != nil {
		return err
	}
	for name, text := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
