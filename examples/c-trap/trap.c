// trap reads stdin, adds up its bytes and then traps three calls deep:
// "trap unreachable" (the default) or "trap bounds".
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// volatile keeps the optimiser from proving that the accesses below are wrong.
static volatile uint32_t far_away = 0xfffffff0;

// Calls stay calls, so that the stack of the trap has one frame per function.
#define FRAME static __attribute__((noinline))

FRAME uint32_t load(uint32_t address) {
  return *(volatile uint32_t *)(uintptr_t)address;
}

FRAME uint32_t out_of_bounds(uint32_t sum) {
  return load(far_away) + sum;
}

FRAME uint32_t give_up(uint32_t sum) {
  if (far_away != sum)
    __builtin_trap();
  return sum;
}

FRAME uint32_t fail(const char *how, uint32_t sum) {
  if (strcmp(how, "bounds") == 0)
    return out_of_bounds(sum) + 1;
  return give_up(sum) + 1;
}

// print writes to stdout without stdio, which would be most of the module.
static void print(const char *s) {
  if (write(STDOUT_FILENO, s, strlen(s)) < 0)
    _Exit(1);
}

static void print_number(uint32_t n) {
  char digits[11];
  char *p = digits + sizeof digits - 1;
  *p = '\0';
  do
    *--p = (char)('0' + n % 10);
  while (n /= 10);
  print(p);
}

FRAME uint32_t sum_stdin(void) {
  uint8_t buf[4096];
  uint32_t sum = 0;
  ssize_t n;
  while ((n = read(STDIN_FILENO, buf, sizeof buf)) > 0)
    for (ssize_t i = 0; i < n; i++)
      sum += buf[i];
  return sum;
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "unreachable";
  uint32_t sum = sum_stdin();
  print("sum of stdin: ");
  print_number(sum);
  print("\ntrapping: ");
  print(how);
  print("\n");
  return (int)fail(how, sum);
}
