// mixed makes N rounds of 5 different calls: a clock, 8 random bytes, a write and a
// seek back in a file of its own, and the file's status: mixed [N=100000].
#include "guest.h"

int main(int argc, char **argv) {
  uint32_t n = rounds(argc, argv, 100000);
  __wasi_fd_t fd =
      open_file("mixed.txt", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC,
                __WASI_RIGHTS_FD_WRITE | __WASI_RIGHTS_FD_SEEK | __WASI_RIGHTS_FD_FILESTAT_GET);
  char line[] = "round 00000000\n";
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    __wasi_timestamp_t now;
    must(__wasi_clock_time_get(__WASI_CLOCKID_REALTIME, 1, &now));
    uint64_t random;
    must(__wasi_random_get((uint8_t *)&random, sizeof random));
    put_digits(line + 6, 8, i);
    write_all(fd, line, sizeof line - 1);
    __wasi_filesize_t offset;
    must(__wasi_fd_seek(fd, -(__wasi_filedelta_t)(sizeof line - 1), __WASI_WHENCE_CUR, &offset));
    __wasi_filestat_t stat;
    must(__wasi_fd_filestat_get(fd, &stat));
    sum += now ^ random ^ offset ^ stat.size;
  }
  must(__wasi_fd_close(fd));
  print_result(sum);
}
