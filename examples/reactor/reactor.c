// reactor is a library, not a program: a host calls _initialize once, then add,
// elapsed, count and crash as often as it likes.
#include <stdint.h>
#include <wasi/api.h>

#define EXPORT(name) __attribute__((export_name(name)))

static uint64_t started_ns;
static uint32_t calls;

// monotonic returns the monotonic clock in nanoseconds, 0 when there is none.
static uint64_t monotonic(void) {
  __wasi_timestamp_t now = 0;
  if (__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now) != 0)
    return 0;
  return now;
}

// Constructors run inside _initialize.
__attribute__((constructor)) static void start(void) { started_ns = monotonic(); }

// add returns a + b, wrapped to 32 bits.
EXPORT("add") int32_t add(int32_t a, int32_t b) {
  calls++;
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

// elapsed returns the nanoseconds since _initialize.
EXPORT("elapsed") int64_t elapsed(void) {
  calls++;
  return (int64_t)(monotonic() - started_ns);
}

// count returns how many calls came before it: state outlives a call.
EXPORT("count") int32_t count(void) { return (int32_t)calls++; }

// crash traps.
EXPORT("crash") void crash(void) { __builtin_trap(); }
