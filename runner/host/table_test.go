package host

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTableReusesTheLowestNumber(t *testing.T) {
	var table Table[string]
	for i, v := range []string{"a", "b", "c", "d"} {
		if fd, err := table.Insert(v); err != nil || fd != uint32(i) {
			t.Fatalf("Insert(%q) = %d, %v, want %d", v, fd, err, i)
		}
	}
	for _, fd := range []uint32{2, 0} {
		if _, ok := table.Remove(fd); !ok {
			t.Errorf("Remove(%d): not there", fd)
		}
	}
	if _, ok := table.Remove(2); ok {
		t.Error("Remove(2) a second time: still there")
	}
	for _, want := range []uint32{0, 2, 4} {
		if fd, err := table.Insert("new"); err != nil || fd != want {
			t.Errorf("Insert = %d, %v, want %d", fd, err, want)
		}
	}
}

func TestTableRenumber(t *testing.T) {
	tests := []struct {
		name     string
		from, to uint32
		ok       bool
		old      string
		want     []string // by number, "" is free
	}{
		{"onto another", 0, 1, true, "b", []string{"", "a", "c"}},
		{"onto itself", 1, 1, true, "b", []string{"a", "b", "c"}},
		{"onto a free number", 0, 7, false, "", []string{"a", "b", "c"}},
		{"from a free number", 9, 1, false, "b", []string{"a", "b", "c"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var table Table[string]
			for _, v := range []string{"a", "b", "c"} {
				if _, err := table.Insert(v); err != nil {
					t.Fatal(err)
				}
			}
			if old, ok := table.Renumber(test.from, test.to); ok != test.ok || old != test.old {
				t.Errorf("Renumber = %q, %v, want %q, %v", old, ok, test.old, test.ok)
			}
			got := make([]string, 3)
			table.All(func(fd uint32, v string) { got[fd] = v })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTableIsBounded(t *testing.T) {
	var table Table[struct{}]
	for range maxDescriptors {
		if _, err := table.Insert(struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	if fd, err := table.Insert(struct{}{}); err != ENFILE {
		t.Errorf("Insert = %d, %v, want ENFILE", fd, err)
	}
}
