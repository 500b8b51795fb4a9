package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/tracetool/tracetool/format"
)

// wideObject has that many members, which are all 1.
func wideObject(members int) string {
	var b strings.Builder
	for i := range members {
		fmt.Fprintf(&b, `,"m%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

// recordSizes is a sink that notes the rows of each record.
type recordSizes struct {
	sink
	rows []int64
}

func (s *recordSizes) begin(*table) error        { return nil }
func (s *recordSizes) end(*format.Summary) error { return nil }
func (s *recordSizes) record(rec arrow.Record) error {
	s.rows = append(s.rows, rec.NumRows())
	return nil
}

// TestWideRowsInShortText: an absent key costs no text, but a null in its
// column, so records end before these are much memory.
func TestWideRowsInShortText(t *testing.T) {
	text := []byte(wideObject(1000) + strings.Repeat("{}\n", 20_000))
	sizes := &recordSizes{}
	f := &foreignSource{limit: 1 << 20, sink: sizes, open: func(int) (io.Reader, error) { return bytes.NewReader(text), nil }}
	if err := f.run(""); err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	for _, n := range sizes.rows {
		total += n
		if n*1000*8 > 2*batchTaken {
			t.Errorf("a record of %d rows of 8,000 bytes", n)
		}
	}
	if total != 20_001 {
		t.Errorf("%d rows, want 20,001", total)
	}
}

// TestRowThatIsTooWide: a row whose few bytes of text are too many in its
// columns is refused before they are filled.
func TestRowThatIsTooWide(t *testing.T) {
	text := `{"a":[` + wideObject(1000) + strings.Repeat(",{}", 200_000) + "]}"
	_, err := Convert(context.Background(), Input{Reader: strings.NewReader(text)}, Output{Writer: io.Discard}, Options{To: Arrow})
	if !errors.Is(err, format.ErrLimit) {
		t.Errorf("error %v, want ErrLimit", err)
	}
}
