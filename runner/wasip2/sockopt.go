package wasip2

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/tracetool/tracetool/runner/component"
	"github.com/tracetool/tracetool/runner/host"
)

// The options of a socket that are numbers.
const (
	optIdle     = iota // ns
	optInterval        // ns
	optCount
	optHops
	optReceive // bytes
	optSend    // bytes
	numOptions
)

// optionLimits are the largest values. Durations are whole seconds.
var optionLimits = [numOptions]uint64{
	32767 * uint64(time.Second), 32767 * uint64(time.Second), 127, 255, 1 << 30, 1 << 30,
}

// options are the options of a socket. They are kept here because a socket of
// the host may not exist before it is bound or connected.
type options struct {
	keepAlive    bool
	keepAliveSet bool // or an option that says how
	values       [numOptions]uint64
	set          [numOptions]bool
}

func newOptions() options {
	return options{values: [numOptions]uint64{
		7200 * uint64(time.Second), 75 * uint64(time.Second), 9, 64, 64 << 10, 64 << 10,
	}}
}

// put sets an option, as near as can be.
func (o *options) put(which int, v uint64) error {
	if v == 0 {
		return errInvalidArgument
	}
	v = min(v, optionLimits[which])
	if which == optIdle || which == optInterval {
		v = (v + uint64(time.Second) - 1) / uint64(time.Second) * uint64(time.Second)
	}
	o.values[which], o.set[which] = v, true
	o.keepAliveSet = o.keepAliveSet || which <= optCount
	return nil
}

// socket is a socket of the host.
type socket interface {
	syscall.Conn
	SetReadBuffer(bytes int) error
	SetWriteBuffer(bytes int) error
}

// apply gives a socket of the host the options that have been set.
func (o *options) apply(s socket, f family) error {
	var errs []error
	if o.set[optReceive] {
		errs = append(errs, s.SetReadBuffer(int(o.values[optReceive])))
	}
	if o.set[optSend] {
		errs = append(errs, s.SetWriteBuffer(int(o.values[optSend])))
	}
	if o.set[optHops] {
		errs = append(errs, host.SetHopLimit(s, f == ipv6, int(o.values[optHops])))
	}
	if tcp, ok := s.(*net.TCPConn); ok && o.keepAliveSet {
		errs = append(errs, tcp.SetKeepAliveConfig(o.keepAliveConfig()))
	}
	return errors.Join(errs...)
}

func (o *options) keepAliveConfig() net.KeepAliveConfig {
	config := net.KeepAliveConfig{Enable: o.keepAlive, Idle: -1, Interval: -1, Count: -1}
	if o.set[optIdle] {
		config.Idle = time.Duration(o.values[optIdle])
	}
	if o.set[optInterval] {
		config.Interval = time.Duration(o.values[optInterval])
	}
	if o.set[optCount] {
		config.Count = int(o.values[optCount])
	}
	return config
}

// get writes an option as the result.
func (o *options) get(c *component.Call, which int) error {
	c.Result.OK()
	if which == optHops {
		c.Result.U8(uint8(o.values[which]))
	} else {
		c.Result.U64(o.values[which]) // u32 and u64 are written alike
	}
	return nil
}

func readU64(c *component.Call) uint64 { return c.Args.U64() }
func readU32(c *component.Call) uint64 { return uint64(c.Args.U32()) }
func readU8(c *component.Call) uint64  { return uint64(c.Args.U8()) }

func getTCPOption(which int) func(*tcpSocket, context.Context, *Host, *component.Call) error {
	return func(s *tcpSocket, _ context.Context, _ *Host, c *component.Call) error {
		return s.options.get(c, which)
	}
}

func setTCPOption(which int, read func(*component.Call) uint64) func(*tcpSocket, context.Context, *Host, *component.Call) error {
	return func(s *tcpSocket, _ context.Context, _ *Host, c *component.Call) error {
		if err := s.options.put(which, read(c)); err != nil {
			return netFail(c, err)
		}
		return netDone(c, s.applyOptions())
	}
}

func getUDPOption(which int) func(*udpSocket, context.Context, *Host, *component.Call) error {
	return func(s *udpSocket, _ context.Context, _ *Host, c *component.Call) error {
		return s.options.get(c, which)
	}
}

func setUDPOption(which int, read func(*component.Call) uint64) func(*udpSocket, context.Context, *Host, *component.Call) error {
	return func(s *udpSocket, _ context.Context, _ *Host, c *component.Call) error {
		if err := s.options.put(which, read(c)); err != nil {
			return netFail(c, err)
		}
		return netDone(c, s.applyOptions())
	}
}
