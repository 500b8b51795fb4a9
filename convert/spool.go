package convert

import (
	"io"
	"os"
)

// spool is a temporary file of mode 0600 that is removed in any case.
type spool struct {
	file *os.File
	size int64
}

func newSpool() (*spool, error) {
	file, err := os.CreateTemp("", "tracetool-*")
	if err != nil {
		return nil, err
	}
	return &spool{file: file}, nil
}

// spoolFrom copies r, so that it can be read a second time.
func spoolFrom(r io.Reader) (*spool, error) {
	s, err := newSpool()
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(s, r); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

func (s *spool) Write(data []byte) (int, error) {
	n, err := s.file.Write(data)
	s.size += int64(n)
	return n, err
}

// reader reads what has been written from its start.
func (s *spool) reader() *io.SectionReader { return io.NewSectionReader(s.file, 0, s.size) }

func (s *spool) remove() {
	s.file.Close()
	os.Remove(s.file.Name())
}
