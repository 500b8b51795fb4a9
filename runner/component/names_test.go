package component

import (
	"errors"
	"strings"
	"testing"

	"github.com/tracetool/tracetool/format/canon"
)

func TestExternNames(t *testing.T) {
	for _, name := range []string{
		"a", "a1", "a-1-b-2", "B-1-C", "a11-B11-123-ABC-abc", "ns-1-a:b-1-c/D-2",
		"wasi:io/streams", "wasi:io/streams@0.2.6", "a-b:c-d/e-f@123456.7890.488", "a:b/c@0.0.0+abcd-efg", "a:b/c@0.0.0-abcd+efg",
		"a:b/c@0.0.0-abcd.1.2+efg.4.ee.05", "wasi:http/types@0.2.0-rc-2023-11-10", "a:b/c@0.0.0--",
	} {
		var names nameSet
		if err := names.extern(name, entity{sort: sortFunc, fn: &funcType{}}); err != nil {
			t.Error(err)
		}
	}
	for _, tt := range []struct{ name, want string }{
		{"", `"" is not a kebab-case name`},
		{"1-a", `"1-a" is not a kebab-case name`},
		{"a--b", `"a--b" is not a kebab-case name`},
		{"aBc", `"aBc" is not a kebab-case name`},
		{"wasi/http", `"wasi/http" is not a kebab-case name`},
		{"wasi:", `"wasi:": expected NAMESPACE:PACKAGE/INTERFACE`},
		{":/", `"" in the name ":/" is not in kebab case`},
		{"wasi:http/TyPeS", `"TyPeS" in the name "wasi:http/TyPeS" is not in kebab case`},
		{"A:b/c", `"A:b/c": a namespace or package with upper-case letters`},
		{"a:B/c", `"a:B/c": a namespace or package with upper-case letters`},
		{"a:1/c", `"1" in the name "a:1/c" is not in kebab case`},
		{"a:b:c/d", `"b:c" in the name "a:b:c/d" is not in kebab case`},
		{"a:b/c/d", `"c/d" in the name "a:b/c/d" is not in kebab case`},
		{"a:b/c@", `"a:b/c@": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@0.2", `"a:b/c@0.2": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@0.2.06", `"a:b/c@0.2.06": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@0.2.x", `"a:b/c@0.2.x": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@0.2.-1", `"a:b/c@0.2.-1": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@1.0.0-01", `"a:b/c@1.0.0-01": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@1.0.0+", `"a:b/c@1.0.0+": expected a semantic version behind @, such as 0.2.6`},
		{"a:b/c@1.0.0-a_b", `"a:b/c@1.0.0-a_b": expected a semantic version behind @, such as 0.2.6`},
		{"[getter]a.b", `"[getter]a.b": an annotation that is none of constructor, method and static`},
		{"[method]a", `"[method]a": expected the names of a resource and of its function, joined by a point`},
		{"[method]a.b.c", `"b.c" in the name "[method]a.b.c" is not in kebab case`},
		{"[constructor]", `"" in the name "[constructor]" is not in kebab case`},
		{"[async]a", `unsupported: the name "[async]a" of an async function (WASI 0.3)`},
	} {
		var names nameSet
		if err := names.extern(tt.name, entity{sort: sortFunc, fn: &funcType{}}); err == nil || err.Error() != tt.want {
			t.Errorf("%q: %v, want %s", tt.name, err, tt.want)
		}
	}
}

func TestUniqueNames(t *testing.T) {
	known := []string{"foo", "foo-bar", "[constructor]foo", "[method]foo.bar", "[static]foo.baz", "foo:bar/baz"}
	for _, again := range []string{"foo", "FOO", "foo-BAR", "[method]foo.BAR", "[static]foo.bar", "[method]foo.baz",
		"[method]foo.foo", "[static]foo.FOO", "[constructor]foo", "foo:bar/BAZ"} {
		var names nameSet
		res := &resource{name: "foo"}
		for i, name := range append(known[:len(known):len(known)], again) {
			e := entity{sort: sortFunc, fn: &funcType{params: []field{{"self", handleOf(canon.Borrow, res)}}, result: handleOf(canon.Own, res)}}
			if name == "foo" {
				e = entity{sort: sortType, typ: typeDef{res: res}}
			}
			err := names.extern(name, e)
			if conflict := err != nil && strings.Contains(err.Error(), "conflicts with a previous name"); conflict != (i == len(known)) {
				t.Errorf("%q behind %q: %v", name, known[:i], err)
			}
		}
	}
}

func handleOf(k canon.Kind, r *resource) *valType { return &valType{kind: k, res: r, resources: true} }

// TestAnnotatedNames: the functions of a resource have the types of such, and
// follow it.
func TestAnnotatedNames(t *testing.T) {
	res, other := &resource{}, &resource{}
	own, borrow := handleOf(canon.Own, res), handleOf(canon.Borrow, res)
	fn := func(result *valType, params ...field) entity {
		return entity{sort: sortFunc, fn: &funcType{params: params, result: result}}
	}
	for _, tt := range []struct {
		name   string
		e      entity
		inline bool
		want   string // empty: it is right
	}{
		{"[constructor]a", fn(own), false, ""},
		{"[constructor]a", fn(&valType{kind: canon.Result, elem: own, err: primitives[-1]}), false, ""},
		{"[method]a.b", fn(nil, field{"self", borrow}), false, ""},
		{"[static]a.b", fn(primitives[-1]), false, ""},
		{"[static]a.b", fn(nil), true, ""},
		{"[constructor]a", fn(nil), false, "does not return an own handle"},
		{"[constructor]a", fn(handleOf(canon.Own, other)), false, "does not return an own handle"},
		{"[constructor]a", fn(borrow), false, "does not return an own handle"},
		{"[constructor]a", fn(&valType{kind: canon.Result, elem: &valType{kind: canon.Result, elem: own}}), false, "does not return an own handle"},
		{"[constructor]a", fn(own), true, "has no name here"},
		{"[constructor]b", fn(own), false, `is of the resource "b", which has no name here`},
		{"[method]a.b", fn(nil), false, `has no first parameter "self"`},
		{"[method]a.b", fn(nil, field{"this", borrow}), false, `has no first parameter "self"`},
		{"[method]a.b", fn(nil, field{"self", own}), false, `has no first parameter "self"`},
		{"[method]a.b", fn(nil, field{"self", handleOf(canon.Borrow, other)}), false, `has no first parameter "self"`},
		{"[method]a.b", entity{sort: sortInstance, inst: &instanceType{}}, false, "names something that is not a func, but of sort instance"},
		{"[static]b.c", fn(nil), false, "has no name here"},
	} {
		names := nameSet{inline: tt.inline}
		if err := names.extern("a", entity{sort: sortType, typ: typeDef{res: res}}); err != nil {
			t.Fatal(err)
		}
		err := names.extern(tt.name, tt.e)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		if errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
