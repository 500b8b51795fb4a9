// hello prints the time, a random number and a greeting; with text in a file or
// pipe on stdin it greets whoever is named there. Two runs differ; a replay does
// not.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// read_name fills name with the first line of stdin, without its newline, and
// returns its length: 0 when stdin is empty, or a terminal, where nobody would
// know that a name is waited for.
static size_t read_name(char *name, size_t size) {
  ssize_t n = isatty(STDIN_FILENO) ? 0 : read(STDIN_FILENO, name, size - 1);
  if (n < 0)
    n = 0;
  name[n] = '\0';
  name[strcspn(name, "\r\n")] = '\0';
  return strlen(name);
}

int main(void) {
  char name[64];
  int named = read_name(name, sizeof name) > 0;
  printf("Hello, %s!\n", named ? name : "world");

  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct tm tm;
  gmtime_r(&now.tv_sec, &tm);
  printf("It is %04d-%02d-%02d %02d:%02d:%02d.%06ld UTC.\n", tm.tm_year + 1900,
         tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
         now.tv_nsec / 1000);

  uint8_t dice[5];
  if (getentropy(dice, sizeof dice) != 0) {
    perror("getentropy");
    return 1;
  }
  printf("The dice say");
  for (size_t i = 0; i < sizeof dice; i++)
    printf(" %d", dice[i] % 6 + 1);
  printf(".\n");
  return 0;
}
