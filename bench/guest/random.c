// random draws 16 random bytes N times: random [N=1000000].
#include "guest.h"

int main(int argc, char **argv) {
  uint32_t n = rounds(argc, argv, 1000000);
  uint64_t sum = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint64_t bytes[2];
    must(__wasi_random_get((uint8_t *)bytes, sizeof bytes));
    sum += bytes[0] ^ bytes[1];
  }
  print_result(sum);
}
