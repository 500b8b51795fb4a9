package convert

import (
	"errors"
	"fmt"

	"github.com/tracetool/tracetool/format"
)

// readDocument reads a JSON document: the members of the JSONL header, then
// the arrays "attachments" and "events", then "counts" and "summary".
func (t *textSource) readDocument() error {
	err := t.document()
	var line *LineError
	if errors.As(err, &line) && line.Err == format.ErrTruncated && t.partial && t.table != nil && !t.ended {
		return t.cut(line.Err, line.Detail)
	}
	return err
}

func (t *textSource) document() error {
	if err := t.split.skipMark(); err != nil {
		return err
	}
	if _, err := t.split.byteOf("{"); err != nil {
		return err
	}
	head := &table{}
	var end summaryRecord
	for next := byte(','); next == ','; {
		key, err := t.split.documentKey()
		if err != nil {
			return err
		}
		if err := t.documentMember(head, &end, key); err != nil {
			return err
		}
		if next, err = t.split.byteOf(",}"); err != nil {
			return err
		}
	}
	if _, err := t.split.peek(); err == nil {
		return t.split.errorf(nil, "text after the document")
	}
	if t.table == nil {
		return t.split.errorf(nil, "no events")
	}
	if err := t.split.wrap(t.closeWith(&end)); err != nil {
		return err
	}
	return t.finish()
}

// documentKey reads the name of a member and its colon.
func (s *splitter) documentKey() (string, error) {
	text, err := s.value()
	if err != nil {
		return "", s.unexpected(err)
	}
	k := scanner{b: text}
	key := string(k.textOnly())
	if k.err != nil {
		return "", s.wrap(fault(k.err))
	}
	_, err = s.byteOf(":")
	return key, err
}

func (t *textSource) documentMember(head *table, end *summaryRecord, key string) error {
	switch key {
	case "attachments":
		return t.elements(head, t.attachment)
	case "events":
		return t.elements(head, t.row)
	}
	at := t.split.position
	value, err := t.split.value()
	if err != nil {
		return t.split.unexpected(err)
	}
	if err := checkText(value); err != nil {
		return at.wrap(err)
	}
	if key == "counts" || key == "summary" {
		return at.wrap(endMember(end, key, value))
	}
	if t.table != nil {
		return at.errorf(nil, "%q after the attachments or events", key)
	}
	return at.wrap(t.member(head, key, value))
}

func endMember(end *summaryRecord, key string, value []byte) error {
	if !complete(value) {
		return faultf("malformed value of %q", key)
	}
	return fault(unmarshal(fmt.Appendf(nil, "{%q:%s}", key, value), end))
}

// elements reads an array, whose elements are as JSONL has them.
func (t *textSource) elements(head *table, element func([]byte) error) error {
	if t.table == nil {
		if err := t.split.wrap(t.begin(head)); err != nil {
			return err
		}
	}
	if _, err := t.split.byteOf("["); err != nil {
		return err
	}
	if c, err := t.split.peek(); err == nil && c == ']' {
		t.split.take(1)
		return nil
	}
	for next := byte(','); next == ','; {
		at := t.split.position
		value, err := t.split.value()
		if err != nil {
			return t.split.unexpected(err)
		}
		if err := checkText(value); err != nil {
			return at.wrap(err)
		}
		if err := element(value); err != nil {
			return at.wrap(err)
		}
		if next, err = t.split.byteOf(",]"); err != nil {
			return err
		}
	}
	return nil
}
