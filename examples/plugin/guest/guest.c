// guest is a plugin without WASI: the host functions below, of module "env", are
// all it can reach. handle answers a request with a greeting made from the
// request, the configuration and the host's time.
#include <stddef.h>
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("env"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

// log writes one line of the plugin's own.
IMPORT("log") void host_log(const char *ptr, uint32_t len);

// get_config copies the value of a key into buf, at most buf_len bytes of it, and
// returns the value's full length: 0 when the key is not set.
IMPORT("get_config")
int32_t host_get_config(const char *key, uint32_t key_len, char *buf, uint32_t buf_len);

// now returns the time in nanoseconds since 1970.
IMPORT("now") int64_t host_now(void);

enum { HEAP_SIZE = 64 * 1024, REPLY_SIZE = 4096, VALUE_SIZE = 64 };

static char heap[HEAP_SIZE] __attribute__((aligned(8)));
static uint32_t used;

// alloc returns len bytes, aligned to 8, that live until the next handle returns:
// 0 when there is no room for them.
EXPORT("alloc") char *alloc(uint32_t len) {
  if (len > HEAP_SIZE - used)
    return NULL;
  char *ptr = heap + used;
  used = (used + len + 7) & ~7u;
  return ptr;
}

// A text appends to a fixed buffer and drops what does not fit.
struct text {
  char *buf;
  uint32_t size, len;
};

static void put(struct text *t, const char *s, uint32_t len) {
  for (uint32_t i = 0; i < len && t->len < t->size; i++)
    t->buf[t->len++] = s[i];
}

#define PUT(t, literal) put(t, literal, sizeof literal - 1)

static void put_number(struct text *t, uint64_t n) {
  char digits[20];
  uint32_t i = sizeof digits;
  do
    digits[--i] = (char)('0' + n % 10);
  while (n /= 10);
  put(t, digits + i, sizeof digits - i);
}

static void put_greeting(struct text *t) {
  char value[VALUE_SIZE];
  static const char key[] = "greeting";
  int32_t n = host_get_config(key, sizeof key - 1, value, sizeof value);
  if (n > 0)
    put(t, value, n < VALUE_SIZE ? (uint32_t)n : VALUE_SIZE);
  else
    PUT(t, "hello");
}

static void log_request(uint32_t len) {
  char line[64];
  struct text t = {line, sizeof line, 0};
  PUT(&t, "request of ");
  put_number(&t, len);
  PUT(&t, " bytes");
  host_log(line, t.len);
}

// handle answers the request of len bytes at ptr. It returns the reply's address
// in the upper and its length in the lower 32 bits; the reply lives until the next
// call of handle.
EXPORT("handle") uint64_t handle(const char *ptr, uint32_t len) {
  static char reply[REPLY_SIZE];
  struct text t = {reply, sizeof reply, 0};
  log_request(len);
  put_greeting(&t);
  PUT(&t, ", ");
  put(&t, ptr, len);
  PUT(&t, "! (");
  put_number(&t, (uint64_t)host_now() / 1000000);
  PUT(&t, " ms)");
  used = 0;
  return (uint64_t)(uintptr_t)reply << 32 | t.len;
}
