package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tracetool/tracetool/format"
)

// Runtime is what programs ran in. It is not stored: it is what headers have
// in common.
type Runtime struct {
	ID        string        `json:"id"` // sha256 of name and version as they stand in headers, hex
	Name      string        `json:"name"`
	Version   string        `json:"version"`
	Hosts     []format.Host `json:"hosts"` // the different ones there were
	Processes int           `json:"processes"`
}

// Runtimes lists the runtimes of some processes, by name and version.
func Runtimes(processes []*Process) []*Runtime {
	byText := map[string]*Runtime{}
	for _, p := range processes {
		if p.Host == nil {
			continue
		}
		r := byText[p.Host.Runtime]
		if r == nil {
			name, version, _ := strings.Cut(p.Host.Runtime, " ")
			r = &Runtime{ID: digest([]byte(p.Host.Runtime)), Name: name, Version: version}
			byText[p.Host.Runtime] = r
		}
		r.Processes++
		if !slices.Contains(r.Hosts, *p.Host) {
			r.Hosts = append(r.Hosts, *p.Host)
		}
	}
	return sorted(byText, func(a, b *Runtime) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
}

// Config is what programs were given and ran in: processes with the same one
// differ only in what the outside world told them. It is not stored either.
type Config struct {
	ID        string          `json:"id"` // sha256 of program and host in JSON, hex
	Program   *format.Program `json:"program"`
	Host      *format.Host    `json:"host,omitempty"`
	Size      int64           `json:"size"` // bytes of that JSON
	Processes int             `json:"processes"`
}

// Runtime is the name and version of the runtime.
func (c *Config) Runtime() string {
	if c.Host == nil {
		return ""
	}
	return c.Host.Runtime
}

// Configs lists the configurations of some processes, by program and id.
func Configs(processes []*Process) ([]*Config, error) {
	byID := map[string]*Config{}
	for _, p := range processes {
		if p.Program == nil {
			continue
		}
		c := &Config{Program: p.Program, Host: p.Host}
		data, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		id := digest(data)
		if byID[id] == nil {
			c.ID, c.Size = id, int64(len(data))
			byID[id] = c
		}
		byID[id].Processes++
	}
	return sorted(byID, func(a, b *Config) int {
		return cmp.Or(cmp.Compare(a.Program.Name, b.Program.Name), cmp.Compare(a.ID, b.ID))
	}), nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func sorted[T any](m map[string]T, compare func(a, b T) int) []T {
	list := make([]T, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	slices.SortFunc(list, compare)
	return list
}
