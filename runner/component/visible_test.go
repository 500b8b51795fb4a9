package component

import (
	"strings"
	"testing"
)

// Pieces of components for TestVisible, in the binary format.

func sectionOf(id byte, list ...string) string {
	return string(appendSection(nil, id, uint64(len(list)), []byte(strings.Join(list, ""))))
}

func types(defs ...string) string { return sectionOf(sectionType, defs...) }

// imports are of what externNamed gives.
func imports(list ...string) string { return sectionOf(sectionImport, list...) }

func externNamed(name, what string) string { return string(appendName([]byte{0}, name)) + what }

// exported is an export of an item, with the type that it is given, if any.
func exported(name string, k sort, index byte, as string) string {
	e := externNamed(name, string([]byte{byte(k), index}))
	if as == "" {
		return e + "\x00"
	}
	return e + "\x01" + as
}

func exports(list ...string) string { return sectionOf(sectionExport, list...) }

// lifts is a function of type t, whose parameter or result is one i32 or none.
func lifts(t byte) string {
	return sectionOf(sectionCanon, "\x0b\x7f\x00", "\x00\x00\x00\x00"+string([]byte{t}))
}

func nested(content string) string {
	return string(rawSection(sectionComponent, []byte(preamble+content)))
}

const (
	recordDef   = "\x72\x01\x01x\x79" // record{x: u32}
	resourceDef = "\x3f\x7f\x00"
	// Behind these is the index of a type.
	eqType       = "\x03\x00"
	funcOf       = "\x01"
	instanceOf   = "\x05"
	takes        = "\x40\x01\x01p" // a function with that parameter, noResult behind it
	gives        = "\x40\x00\x00"  // a function with that result
	listOf       = "\x70"
	optionOf     = "\x6b"
	ownOf        = "\x69"
	subResource  = "\x03\x01"
	noResult     = "\x01\x00"
	declaredType = "\x01"
	declExport   = "\x04"
	aliasOuter1  = "\x03\x02\x01" // of a type of the scope around, its index is behind
)

// TestVisible: what is imported and exported uses types that have names.
func TestVisible(t *testing.T) {
	const unnamed = " without a name: "
	named := imports(externNamed("r", eqType+"\x00")) // type 1, of type 0
	for _, tt := range []struct{ what, content, want string }{
		{"an import uses an imported type",
			types(recordDef) + named + types(takes+"\x01"+noResult) + imports(externNamed("f", funcOf+"\x02")), ""},
		{"an import uses the type that was imported, not its import",
			types(recordDef) + named + types(takes+"\x00"+noResult) + imports(externNamed("f", funcOf+"\x02")),
			`import "f": its parameter "p" uses a record` + unnamed + "import it first"},
		{"a type within others",
			types(recordDef, listOf+"\x00", optionOf+"\x01", gives+"\x02") + imports(externNamed("f", funcOf+"\x03")),
			`import "f": its result uses a record` + unnamed + "import it first"},
		{"a variant", types("\x71\x01\x01x\x00\x00", gives+"\x00") + imports(externNamed("f", funcOf+"\x01")),
			`import "f": its result uses a variant` + unnamed + "import it first"},
		{"an enum", types("\x6d\x01\x01x", gives+"\x00") + imports(externNamed("f", funcOf+"\x01")),
			`import "f": its result uses an enum` + unnamed + "import it first"},
		{"flags", types("\x6e\x01\x01x", gives+"\x00") + imports(externNamed("f", funcOf+"\x01")),
			`import "f": its result uses flags` + unnamed + "import it first"},
		{"types that need no name", types("\x6f\x02\x79\x79", "\x6a\x00\x00", "\x63\x73\x79", gives+"\x00", gives+"\x01", gives+"\x02") +
			imports(externNamed("f", funcOf+"\x03"), externNamed("g", funcOf+"\x04"), externNamed("h", funcOf+"\x05")), ""},
		{"the values of a map", types(recordDef, "\x63\x73\x00", gives+"\x01") + imports(externNamed("f", funcOf+"\x02")),
			`import "f": its result uses a record` + unnamed + "import it first"},
		{"an import uses an export", types(resourceDef) + exports(exported("r", sortType, 0, "")) + types(ownOf+"\x01", gives+"\x02") +
			imports(externNamed("f", funcOf+"\x03")), `import "f": its result uses a resource` + unnamed + "import it first"},
		{"an export uses an export", types(resourceDef) + exports(exported("r", sortType, 0, "")) + types(ownOf+"\x01", takes+"\x02"+noResult) +
			lifts(3) + exports(exported("f", sortFunc, 0, "")), ""},
		{"an export uses what was exported", types(resourceDef) + exports(exported("r", sortType, 0, "")) + types(ownOf+"\x00", takes+"\x02"+noResult) +
			lifts(3) + exports(exported("f", sortFunc, 0, "")), `export "f": its parameter "p" uses a resource` + unnamed + "import it, or export it, first"},
		{"an export is given a type of exports", types(resourceDef) + exports(exported("r", sortType, 0, "")) +
			types(ownOf+"\x00", takes+"\x02"+noResult, ownOf+"\x01", takes+"\x04"+noResult) +
			lifts(3) + exports(exported("f", sortFunc, 0, funcOf+"\x05")), ""},
		{"an exported type uses one without a name", types(recordDef, "\x72\x01\x01y\x00") + exports(exported("t", sortType, 1, "")),
			`export "t": it uses a record` + unnamed + "import it, or export it, first"},
		{"a handle is exported", types(resourceDef, ownOf+"\x00") + exports(exported("t", sortType, 1, "")),
			`export "t": it uses a resource` + unnamed + "import it, or export it, first"},
		{"a function type is imported", types(recordDef, gives+"\x00") + imports(externNamed("t", eqType+"\x01")),
			`import "t": its result uses a record` + unnamed + "import it first"},
		{"the type of an instance is not checked",
			types("\x42\x03" + declaredType + recordDef + declaredType + gives + "\x00" + declExport + externNamed("f", funcOf+"\x01")), ""},
		{"an imported instance is",
			types("\x42\x03"+declaredType+recordDef+declaredType+gives+"\x00"+declExport+externNamed("f", funcOf+"\x01")) +
				imports(externNamed("a:b/i", instanceOf+"\x00")),
			`import "a:b/i#f": its result uses a record` + unnamed + "import it first"},
		{"so is a type of instances that is imported, which names nothing itself",
			types("\x42\x02"+declaredType+recordDef+declExport+externNamed("r", eqType+"\x00")) +
				imports(externNamed("t", eqType+"\x00")), ""},
		{"an instance names its types, for itself and where they are aliased",
			types("\x42\x04"+declaredType+recordDef+declExport+externNamed("r", eqType+"\x00")+declaredType+gives+"\x01"+declExport+externNamed("f", funcOf+"\x02")) +
				imports(externNamed("a:b/i", instanceOf+"\x00"), externNamed("a:b/j", instanceOf+"\x00")) +
				sectionOf(sectionAlias, "\x03\x00\x01\x01r") + types(gives+"\x01") + imports(externNamed("g", funcOf+"\x02")), ""},
		{"an instance uses an imported type of the component",
			types(recordDef) + named + types("\x42\x03\x02"+aliasOuter1+"\x01"+declaredType+gives+"\x00"+declExport+externNamed("f", funcOf+"\x01")) +
				imports(externNamed("a:b/i", instanceOf+"\x02")), ""},
		{"the type of a component is checked where it is",
			types("\x41\x03" + declaredType + recordDef + declaredType + gives + "\x00" + declExport + externNamed("f", funcOf+"\x01")),
			`export "f": its result uses a record` + unnamed + "import it, or export it, first"},
		{"a set of items names nothing until it is exported",
			types(resourceDef) + sectionOf(sectionInstance, "\x01\x01"+externNamed("r", "\x03\x00")) +
				sectionOf(sectionAlias, "\x03\x00\x00\x01r") + types(ownOf+"\x01", takes+"\x02"+noResult) + lifts(3) + exports(exported("f", sortFunc, 0, "")),
			`export "f": its parameter "p" uses a resource` + unnamed + "import it, or export it, first"},
		{"an exported one does",
			types(resourceDef) + sectionOf(sectionInstance, "\x01\x01"+externNamed("r", "\x03\x00")) + exports(exported("i", sortInstance, 0, "")) +
				sectionOf(sectionAlias, "\x03\x00\x01\x01r") + types(ownOf+"\x01", takes+"\x02"+noResult) + lifts(3) + exports(exported("f", sortFunc, 0, "")), ""},
		{"also what its functions use",
			types(resourceDef, ownOf+"\x00", takes+"\x01"+noResult) + lifts(2) +
				sectionOf(sectionInstance, "\x01\x02"+externNamed("r", "\x03\x00")+externNamed("f", "\x01\x00")) + exports(exported("i", sortInstance, 0, "")), ""},
		{"but not what it lacks",
			types(resourceDef, ownOf+"\x00", takes+"\x01"+noResult) + lifts(2) +
				sectionOf(sectionInstance, "\x01\x01"+externNamed("f", "\x01\x00")) + exports(exported("i", sortInstance, 0, "")),
			`export "i#f": its parameter "p" uses a resource` + unnamed + "import it, or export it, first"},
		{"a component is given a named type and gives one that uses it",
			types(recordDef) + named + nested(types(recordDef)+named+types("\x72\x01\x01y\x01")+exports(exported("s", sortType, 2, ""))) +
				sectionOf(sectionInstance, "\x00\x00\x01\x01r\x03\x01") + sectionOf(sectionAlias, "\x03\x00\x00\x01s") + exports(exported("s", sortType, 2, "")), ""},
		{"or one without a name",
			types(recordDef) + nested(types(recordDef)+named+types("\x72\x01\x01y\x01")+exports(exported("s", sortType, 2, ""))) +
				sectionOf(sectionInstance, "\x00\x00\x01\x01r\x03\x00") + sectionOf(sectionAlias, "\x03\x00\x00\x01s") + exports(exported("s", sortType, 1, "")),
			`export "s": it uses a record` + unnamed + "import it, or export it, first"},
		{"a name of the component around is none within",
			types(recordDef) + named + nested(sectionOf(sectionAlias, aliasOuter1+"\x01")+types(gives+"\x00")+imports(externNamed("f", funcOf+"\x01"))),
			`import "f": its result uses a record` + unnamed + "import it first"},
	} {
		_, err := Decode([]byte(preamble + tt.content))
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case tt.want != "" && (err == nil || !strings.HasSuffix(err.Error(), ": "+tt.want)):
			t.Errorf("%s:\n%v, want\n%s", tt.what, err, tt.want)
		}
	}
}

// TestAscribedResource: an export that is given a resource of its own is not the
// same as another of the one that it has, and stands for the same at run time.
func TestAscribedResource(t *testing.T) {
	exporter := func(second string) string {
		return nested(types(resourceDef) + exports(exported("a", sortType, 0, ""), exported("b", sortType, 0, second)))
	}
	wantsSame := nested(imports(externNamed("a", subResource), externNamed("b", eqType+"\x00")))
	wantsTwo := nested(imports(externNamed("a", subResource), externNamed("b", subResource)))
	given := sectionOf(sectionInstance, "\x00\x00\x00") + sectionOf(sectionAlias, "\x03\x00\x00\x01a", "\x03\x00\x00\x01b") +
		sectionOf(sectionInstance, "\x00\x01\x02\x01a\x03\x00\x01b\x03\x01")
	for _, tt := range []struct{ content, want string }{
		{exporter("") + wantsSame + given, ""},
		{exporter(subResource) + wantsTwo + given, ""},
		{exporter(subResource) + wantsSame + given, "resource types are not the same"},
	} {
		in, err := run(t, []byte(preamble+tt.content), noCall)
		if (err == nil) != (tt.want == "") || err != nil && !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%v, want %q", err, tt.want)
		}
		if in == nil {
			continue
		}
		if given := in.root.insts[0]; given["a"].res == nil || given["a"].res != given["b"].res {
			t.Errorf("two types at run time: %v, %v", given["a"].res, given["b"].res)
		}
	}
}
