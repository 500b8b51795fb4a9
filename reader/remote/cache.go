package remote

import (
	"bytes"
	"container/list"
)

const (
	// blockSize is what a small read fetches: a frame's header with the body of
	// a chunk of the index fits.
	blockSize = 16 << 10
	// maxAhead bounds reading ahead, maxFetch the answer to one request.
	maxAhead = 1 << 20 / blockSize
	maxFetch = 8 << 20
)

// cache keeps the blocks that were used last.
type cache struct {
	limit  int64 // blocks
	blocks map[int64]*list.Element
	order  list.List // of *block, the last used in front
}

type block struct {
	number int64
	data   []byte // blockSize, less for the last of the file
}

func (c *cache) get(number int64) ([]byte, bool) {
	e, ok := c.blocks[number]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*block).data, true
}

func (c *cache) put(number int64, data []byte) {
	if c.blocks == nil {
		c.blocks = map[int64]*list.Element{}
	}
	c.blocks[number] = c.order.PushFront(&block{number, data})
	for int64(c.order.Len()) > c.limit {
		oldest := c.order.Remove(c.order.Back()).(*block)
		delete(c.blocks, oldest.number)
	}
}

// putAll keeps copies of the blocks from a number on: one that stays must not
// keep the others in memory.
func (c *cache) putAll(number int64, data []byte) {
	for ; len(data) > 0; number++ {
		n := min(blockSize, len(data))
		c.put(number, bytes.Clone(data[:n]))
		data = data[n:]
	}
}

// block returns a block of the file, for a read that goes on to the block last.
// What is missing of these comes by one request, and more where the read
// continues the one before.
func (f *File) block(number, last int64) (data []byte, err error) {
	if data, ok := f.cache.get(number); ok {
		return data, nil
	}
	if number == f.next {
		f.ahead = min(2*f.ahead, maxAhead)
	} else {
		f.ahead = 1
	}
	end := min(max(last+1, number+f.ahead), number+maxFetch/blockSize, (f.size+blockSize-1)/blockSize)
	for n := number + 1; n < end; n++ {
		if _, ok := f.cache.blocks[n]; ok {
			end = n
		}
	}
	err = f.retry(func() error {
		data, err = f.fetch(number*blockSize, min(end*blockSize, f.size))
		return err
	})
	if err != nil {
		return nil, err
	}
	f.next = end
	f.cache.putAll(number, data)
	return data, nil
}
