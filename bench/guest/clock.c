// clock reads the monotonic clock N times: clock [N=1000000].
#include "guest.h"

int main(int argc, char **argv) {
  uint32_t n = rounds(argc, argv, 1000000);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    __wasi_timestamp_t now;
    must(__wasi_clock_time_get(__WASI_CLOCKID_MONOTONIC, 1, &now));
    sum += now;
  }
  print_result(sum);
}
