package ticks

import (
	"testing"
	"time"
)

// TestNow: readings never go back, are those of the system's clock, and tell
// calls apart that follow each other.
func TestNow(t *testing.T) {
	base := Begin()
	c := New(base)
	last, compared, distinct := int64(0), 0, 0
	var worst int64
	for base.Since() < int64(300*time.Millisecond) {
		before := base.Since()
		now := c.Now()
		after := base.Since()
		if now < last {
			t.Fatalf("%d ns after %d", now, last)
		}
		if now > last {
			distinct++
		}
		last = now
		if off := max(before-now, now-after); off > 0 {
			worst = max(worst, off)
		}
		compared++
	}
	if distinct < 1000 {
		t.Errorf("%d of %d readings differ from the one before", distinct, compared)
	}
	if worst > 20_000 {
		t.Errorf("a reading was %d ns off", worst)
	}
	t.Logf("counter used: %t; %d readings, at most %d ns off", c.rate != 0, compared, worst)
	if c.usable && c.rate == 0 {
		t.Error("the rate was never known")
	}
}

// TestUnusable: without a counter each reading is the system's.
func TestUnusable(t *testing.T) {
	base := Begin()
	c := &Clock{base: base}
	for range 100 {
		before := base.Since()
		if now := c.Now(); now < before || now > base.Since() {
			t.Fatalf("%d ns, want at least %d", now, before)
		}
	}
}

// TestLost: a counter that has stood still, run ahead or jumped, as when the
// machine was suspended or moved to another one, is measured anew. What was
// returned before is never undercut.
func TestLost(t *testing.T) {
	if !reliable() {
		t.Skip("the system does not tell the time by the counter")
	}
	for name, harm := range map[string]func(c *Clock){
		"jumped ahead": func(c *Clock) { c.anchor.ticks -= 1 << 50; c.origin.ticks -= 1 << 50 },
		"jumped back":  func(c *Clock) { c.anchor.ticks += 1 << 50; c.origin.ticks += 1 << 50 },
		"faster":       func(c *Clock) { c.rate *= 2; c.origin.ticks += (count() - c.origin.ticks) / 2 },
	} {
		t.Run(name, func(t *testing.T) {
			base := Begin()
			c := New(base)
			warm(c, 5*time.Millisecond)
			last := c.Now()
			harm(c)
			for end := time.Now().Add(50 * time.Millisecond); time.Now().Before(end); {
				now := c.Now()
				if now < last {
					t.Fatalf("%d ns after %d", now, last)
				}
				last = now
			}
			if c.rate == 0 {
				t.Error("the rate was not measured again")
			}
			if off := base.Since() - c.Now(); off < -20_000 || off > int64(5*time.Millisecond) {
				t.Errorf("%d ns behind the system's clock", off)
			}
		})
	}
}

func warm(c *Clock, d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		c.Now()
	}
}

func BenchmarkNow(b *testing.B) {
	b.Run("clock", func(b *testing.B) {
		c := New(Begin())
		for b.Loop() {
			c.Now()
		}
	})
	b.Run("system", func(b *testing.B) {
		base := Begin()
		for b.Loop() {
			base.Since()
		}
	})
}
