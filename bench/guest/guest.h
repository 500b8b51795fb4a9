// Shared by the benchmark guests: they call the functions of WASI directly, so
// that one round of a loop is exactly the host calls it shows, and stop with exit
// code 1 at the first errno that is not 0.
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>

// PREOPEN is the first preopened directory: the host mounts it at "/".
enum { STDOUT = 1, PREOPEN = 3 };

static inline void must(__wasi_errno_t errno) {
  if (errno != 0)
    __wasi_proc_exit(1);
}

// rounds is the first argument as a number, fallback without one.
static inline uint32_t rounds(int argc, char **argv, uint32_t fallback) {
  return argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : fallback;
}

static inline __wasi_fd_t open_file(const char *path, __wasi_oflags_t oflags,
                                    __wasi_rights_t rights) {
  __wasi_fd_t fd;
  must(__wasi_path_open(PREOPEN, 0, path, oflags, rights, 0, 0, &fd));
  return fd;
}

static inline void write_all(__wasi_fd_t fd, const void *buf, size_t len) {
  __wasi_ciovec_t iov = {buf, len};
  __wasi_size_t written;
  must(__wasi_fd_write(fd, &iov, 1, &written));
  if (written != len)
    __wasi_proc_exit(1);
}

// put_digits writes n right-aligned, padded with zeros, into size bytes at p.
static inline void put_digits(char *p, size_t size, uint64_t n) {
  while (size > 0) {
    p[--size] = (char)('0' + n % 10);
    n /= 10;
  }
}

// print_result prints one line with 20 digits, so that no loop is optimised away
// and a replay has an output to compare.
static inline void print_result(uint64_t n) {
  char line[21];
  put_digits(line, 20, n);
  line[20] = '\n';
  write_all(STDOUT, line, sizeof line);
}

#endif
