// write appends N lines of 35 bytes to out.txt, one call each: write [N=300000].
// The number in every line makes the text differ from call to call.
#include "guest.h"

int main(int argc, char **argv) {
  uint32_t n = rounds(argc, argv, 300000);
  char line[] = "line 00000000 of a file being made\n";
  __wasi_fd_t fd = open_file("out.txt", __WASI_OFLAGS_CREAT | __WASI_OFLAGS_TRUNC,
                             __WASI_RIGHTS_FD_WRITE);
  for (uint32_t i = 0; i < n; i++) {
    put_digits(line + 5, 8, i);
    write_all(fd, line, sizeof line - 1);
  }
  must(__wasi_fd_close(fd));
  print_result(n);
}
