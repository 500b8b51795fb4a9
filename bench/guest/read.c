// read reads big.txt by blocks of 64 KiB up to its end and prints a checksum.
#include "guest.h"

static uint64_t block[64 * 1024 / 8];

// mix folds the words of a block, its last one padded with zeros, into sum.
static uint64_t mix(uint64_t sum, size_t len) {
  memset((char *)block + len, 0, -len & 7);
  for (size_t i = 0; i < (len + 7) / 8; i++)
    sum = (sum ^ block[i]) * 0x100000001b3;
  return sum;
}

int main(void) {
  __wasi_fd_t fd = open_file("big.txt", 0, __WASI_RIGHTS_FD_READ);
  __wasi_iovec_t iov = {(uint8_t *)block, sizeof block};
  uint64_t sum = 0;
  for (;;) {
    __wasi_size_t nread;
    must(__wasi_fd_read(fd, &iov, 1, &nread));
    if (nread == 0)
      break;
    sum = mix(sum, nread);
  }
  must(__wasi_fd_close(fd));
  print_result(sum);
}
