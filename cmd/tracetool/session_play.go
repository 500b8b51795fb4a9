package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"github.com/tracetool/tracetool/cmd/tracetool/internal/cli"
	"github.com/tracetool/tracetool/format"
	"github.com/tracetool/tracetool/runner/session"
	"github.com/tracetool/tracetool/runner/session/guest"
)

var sessionPlayCommand = &cli.Command{
	Name:  "play",
	Args:  "FILE",
	Short: "Show a session in the terminal",
	Long: `Shows the frames of a session at the times at which they were drawn. The keys:

  Space          pause, go on
  . and ,        step to the next frame, to the one before; Right and Left as well
  + and -        twice as fast, half as fast
  0 to 9         seek: to the start, to a tenth, to two tenths, ...
  Home and End   the first frame, the last
  q              quit

A trace that has not kept what its frames show is replayed.`,
	Examples: []cli.Example{
		{Command: "tracetool session play edit.trace.arrow", What: "Watch it"},
		{Command: "tracetool session play edit.trace.arrow --speed 4 --max-pause 1s", What: "Faster, and without long pauses"},
	},
	Complete: []cli.Completion{traceFiles},
	Bind: func(fs *pflag.FlagSet) cli.Body {
		var v sessionPlayVerb
		fs.Float64Var(&v.speed, "speed", 1, "play `N` times as fast")
		cli.DurationVarP(fs, &v.maxPause, "max-pause", "", 0, "wait between two frames for `DURATION` at most, before --speed")
		v.engine.bind(fs, "engine that executes the program, if it must be")
		return v.run
	},
}

// sessionPlayVerb is the flags of session play.
type sessionPlayVerb struct {
	speed    float64
	maxPause time.Duration
	engine   engineFlags
}

func (v *sessionPlayVerb) run(ctx context.Context, streams *cli.IO, args []string) error {
	if v.speed < minSpeed || v.speed > maxSpeed {
		return cli.Usagef("--speed %g, want %g to %g", v.speed, float64(minSpeed), float64(maxSpeed))
	}
	trace, err := session.Load(ctx, args[0])
	if err != nil {
		return err
	}
	if trace, err = withCells(ctx, trace, v.engine); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	p := newPlayer(trace, v.maxPause)
	if len(p.frames) == 0 {
		return fmt.Errorf("%s: the session has no frames", args[0])
	}
	p.speed = v.speed
	p.console, err = openConsole(streams)
	switch {
	case errors.Is(err, errNoTerminal):
		return cli.WithHint(err, "tracetool convert --to asciicast makes a film for other players")
	case err != nil:
		return err
	}
	defer p.console.close()
	return p.play(ctx)
}

// withCells is the trace with what its frames show, which is found out by running
// its program where it was not kept.
func withCells(ctx context.Context, t *session.Trace, engine engineFlags) (*session.Trace, error) {
	if t.Header.Cells {
		return t, nil
	}
	program, err := guest.OpenTrace(ctx, t, nil, guest.Options{Engine: engine.engine(), CacheDir: engine.cacheDir()})
	if err != nil {
		return nil, err
	}
	defer program.Close()
	full := *t
	full.Header.Cells = true
	return session.Rerecord(ctx, program.Model(), &full)
}

// player shows a session.
type player struct {
	console  *console
	frames   []*session.Record
	times    []time.Duration // of the frames, with pauses cut
	at       int             // frame that is shown; -1: none
	frame    *session.Frame
	speed    float64
	paused   bool
	position time.Duration // in the session
	since    time.Time     // when it was there
}

// The bounds of the speed.
const (
	minSpeed = 1. / 64
	maxSpeed = 64
)

func newPlayer(t *session.Trace, maxPause time.Duration) *player {
	p := &player{at: -1, frame: session.NewFrame(t.Header.Size)}
	var before, cut time.Duration
	for i := range t.Records {
		r := &t.Records[i]
		if r.Kind != format.KindFrame {
			continue
		}
		if maxPause > 0 && r.Time-before > maxPause {
			cut += r.Time - before - maxPause
		}
		before = r.Time
		p.frames, p.times = append(p.frames, r), append(p.times, r.Time-cut)
	}
	return p
}

// play goes on until somebody quits.
func (p *player) play(ctx context.Context) error {
	p.since = time.Now()
	if err := p.show(0); err != nil {
		return err
	}
	for {
		wait := sizePause
		if !p.paused && p.at+1 < len(p.frames) {
			wait = min(wait, max(time.Duration(float64(p.times[p.at+1]-p.now())/p.speed), 0))
		}
		events, err := p.console.next(ctx, wait)
		if err != nil && err != io.EOF {
			return err
		}
		for _, ev := range events {
			k, isKey := ev.(session.Key)
			if isKey && (k.Name == "q" || k.Name == "Escape" || k == session.Key{Name: "c", Modifiers: session.Ctrl}) {
				return nil
			}
			if isKey {
				if err := p.key(k.Name); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err := p.catchUp(); err != nil {
			return err
		}
	}
}

// now is the position in the session.
func (p *player) now() time.Duration {
	if p.paused {
		return p.position
	}
	return p.position + time.Duration(float64(time.Since(p.since))*p.speed)
}

// moveTo sets the position.
func (p *player) moveTo(position time.Duration) { p.position, p.since = position, time.Now() }

// catchUp shows the last frame that is due, and again where the terminal has another
// size.
func (p *player) catchUp() error {
	next, now := p.at, p.now()
	for !p.paused && next+1 < len(p.frames) && p.times[next+1] <= now {
		next++
	}
	if next == p.at && p.console.room() == p.console.size {
		return nil
	}
	return p.show(next)
}

// key does what a key means.
func (p *player) key(name string) error {
	last := len(p.frames) - 1
	switch name {
	case "Space":
		p.moveTo(p.now())
		p.paused = !p.paused
		return p.show(p.at)
	case ".", "ArrowRight":
		return p.step(min(p.at+1, last))
	case ",", "ArrowLeft":
		return p.step(max(p.at-1, 0))
	case "+", "=":
		return p.change(p.speed * 2)
	case "-":
		return p.change(p.speed / 2)
	case "Home":
		return p.seek(0)
	case "End":
		return p.seek(last)
	}
	if len(name) == 1 && name[0] >= '0' && name[0] <= '9' {
		return p.seek(last * int(name[0]-'0') / 10)
	}
	return nil
}

func (p *player) step(frame int) error {
	p.paused = true
	return p.seek(frame)
}

func (p *player) seek(frame int) error {
	p.moveTo(p.times[frame])
	return p.show(frame)
}

func (p *player) change(speed float64) error {
	p.moveTo(p.now())
	p.speed = min(max(speed, minSpeed), maxSpeed)
	return p.show(p.at)
}

// show paints a frame, and below it where that is in the session.
func (p *player) show(frame int) error {
	if frame < p.at {
		p.at = -1
	}
	for p.at < frame {
		p.at++
		if err := p.frame.Apply(p.frames[p.at].Cells); err != nil {
			return fmt.Errorf("frame %d: %w", p.at, err)
		}
	}
	text := p.console.paint(p.frame)
	return p.console.write(append(text, p.status(p.console.size)...))
}

// status is a line below the frame, empty where there is no room.
func (p *player) status(size session.Size) string {
	rows := p.frame.Size().Rows
	if rows >= size.Rows {
		return ""
	}
	state := "playing"
	switch {
	case p.paused:
		state = "paused"
	case p.at == len(p.frames)-1:
		state = "at the end"
	}
	line := fmt.Sprintf("frame %d of %d, %s, %gx, %s", p.at+1, len(p.frames), p.frames[p.at].Time, p.speed, state)
	return fmt.Sprintf("\x1b7\x1b[%d;1H\x1b[7m%.*s\x1b[m\x1b[K\x1b8", size.Rows, size.Columns, line)
}
