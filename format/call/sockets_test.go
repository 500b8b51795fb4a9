package call

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tracetool/tracetool/format"
)

func TestSocketsRegions(t *testing.T) {
	for i := range Sockets {
		if err := Validate(&Sockets[i]); err != nil {
			t.Error(err)
		}
	}
}

// socketMemory is a guest's memory with a buffer of 128 bytes for an address at
// 1000, a smaller one at 1200, and a list of two addresses at 2000.
func socketMemory() []byte {
	mem := bytes.Repeat([]byte{0xee}, 4096)
	copy(mem[100:], pack(uint32(1000), uint32(128)))
	copy(mem[108:], pack(uint32(1200), uint32(4)))
	copy(mem[116:], pack(uint32(4090), uint32(128))) // not inside
	copy(mem[200:], pack(uint32(2000)))
	for i, at := range []int{2000, 2100} {
		next := []uint32{2100, 0}[i]
		copy(mem[at:], pack([8]byte{}, uint32(16), uint32(at+40), uint32(0), uint32(0), next))
		copy(mem[at+40:], pack(uint32(0), uint32(26), uint32(at+60)))
	}
	return mem
}

// TestSocketsRoundTrip: what the host wrote is written again, wherever the
// guest has its buffers.
func TestSocketsRoundTrip(t *testing.T) {
	localAddress := pack(uint16(1), [4]byte{10, 0, 0, 7})
	for _, test := range []struct {
		name  string
		stack []uint64
		host  func(mem []byte) int32
	}{
		{"sock_getlocaladdr", []uint64{5, 100, 300}, func(mem []byte) int32 {
			copy(mem[1000:], localAddress)
			copy(mem[300:], pack(uint32(8080)))
			return 0
		}},
		{"sock_getpeeraddr", []uint64{5, 108, 300}, func(mem []byte) int32 {
			copy(mem[1200:], localAddress[2:])
			copy(mem[300:], pack(uint32(8080)))
			return 0
		}},
		{"sock_getpeeraddr", []uint64{5, 116, 300}, func([]byte) int32 { return errnoFault }},
		{"sock_getaddrinfo", []uint64{0, 4, 8, 2, 16, 200, 2, 300}, func(mem []byte) int32 {
			for _, at := range []int{2000, 2100} {
				copy(mem[at:], pack(uint16(0), uint8(1), uint8(2), uint32(6)))
				copy(mem[at+40:], pack(uint32(1), uint32(26)))
				copy(mem[at+60:], pack(uint8(0), uint8(80), [4]byte{10, 0, 0, byte(at)}))
			}
			copy(mem[300:], pack(uint32(2)))
			return 0
		}},
	} {
		fn, _ := Lookup(Module, test.name)
		before, after := socketMemory(), socketMemory()
		ev := capture(fn, testHeader(), after, test.stack, func([]byte) int32 { return test.host(after) })
		checkReplay(t, 0, fn, testHeader(), ev, before, after)
	}
}

// A list that goes round in circles, or leaves the memory, ends there.
func TestAddrinfoList(t *testing.T) {
	for _, test := range []struct {
		name  string
		next  uint32
		count uint64
		want  int
	}{
		{"its own next", 2000, 5, 1},
		{"a circle", 2100, 1 << 40, maxElements},
		{"outside", 4090, 5, 1},
		{"fewer asked for", 2100, 1, 1},
		{"no list", 2000, 0, 0},
	} {
		mem := socketMemory()
		copy(mem[2000+addrinfoNext:], pack(test.next))
		copy(mem[2100+addrinfoNext:], pack(uint32(2000)))
		if got := total(appendAddrinfo(nil, mem, 200, test.count)) / addrinfoSize; got != uint64(test.want) {
			t.Errorf("%s: %d elements, want %d", test.name, got, test.want)
		}
	}
	if err := applyAddrinfo(socketMemory(), 200, make([]byte, 3*addrinfoSize)); err == nil {
		t.Error("three addresses fit into a list of two")
	}
}

func TestSocketAddress(t *testing.T) {
	for _, test := range []struct {
		data []byte
		want string
	}{
		{testSockaddr, "127.0.0.1"},
		{pack(uint32(128), uint16(2), [16]byte{15: 1}, [110]byte{}), "::1"},
		{pack(uint32(4), [4]byte{10, 0, 0, 1}, [124]byte{}), "10.0.0.1"},
		{pack(uint32(16), [16]byte{15: 1}, [112]byte{}), "::1"},
		{pack(uint32(128), uint16(3), [126]byte{}), "invalid IP"},
		{pack(uint32(5), [128]byte{}), "invalid IP"},
		{testSockaddr[:100], "invalid IP"},
		{nil, "invalid IP"},
	} {
		if got := SocketAddress(test.data).String(); got != test.want {
			t.Errorf("%v: %s, want %s", test.data, got, test.want)
		}
	}
}

// The address in the buffer is compared, not where the buffer is.
func TestDifferSockaddr(t *testing.T) {
	fn, _ := Lookup(Module, "sock_connect")
	other := bytes.Clone(testSockaddr)
	other[9] = 2
	a, b := event([]int64{5, 64, 80}, nil, nil, testSockaddr, nil), event([]int64{5, 99, 80}, nil, nil, other, nil)
	want := []Difference{{Name: "addr", Recorded: `"127.0.0.1"`, Now: `"127.0.0.2"`}}
	if diff := cmp.Diff(want, Differ(fn, testHeader(), a, b, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Input = testSockaddr
	if d := Differ(fn, testHeader(), a, b, false); d != nil {
		t.Errorf("the same address differs: %v", d)
	}
}

// A note is neither compared nor written back.
func TestNote(t *testing.T) {
	fn, _ := Lookup(Module, "sock_accept")
	h := testHeader()
	a := event([]int64{3, 0, 64}, 0, 5, nil, []byte("127.0.0.1:1"))
	b := event([]int64{3, 0, 64}, 0, 5, nil, []byte("127.0.0.1:2"))
	if d := DifferResults(fn, h, h, a, b); d != nil {
		t.Errorf("notes are compared: %v", d)
	}
	b.Value = 6
	if d := DifferResults(fn, h, h, a, b); len(d) != 1 {
		t.Errorf("another descriptor: %v, want one difference", d)
	}
	mem := make([]byte, 128)
	if err := Apply(fn, h, a, mem, nil); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 128)
	want[64] = 5
	if !bytes.Equal(mem, want) {
		t.Errorf("memory is %v", mem)
	}
	if f := (&format.Function{Writes: fn.Writes[1:]}); !HasNote(fn) || HasNote(f) {
		t.Error("HasNote is wrong")
	}
}
