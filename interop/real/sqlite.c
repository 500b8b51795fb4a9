// sqlite runs SQL from stdin against a database file: sqlite DB. Rows are printed
// with columns divided by "|", as SQLite's own shell does; an error ends it with 1.
#include <stdio.h>
#include <stdlib.h>
#include "sqlite3-binding.h"

static int print_row(void *unused, int columns, char **values, char **names) {
  (void)unused, (void)names;
  for (int i = 0; i < columns; i++)
    printf("%s%s", i > 0 ? "|" : "", values[i] ? values[i] : "NULL");
  putchar('\n');
  return 0;
}

static char *read_stdin(void) {
  size_t len = 0, size = 4096;
  char *text = malloc(size);
  size_t n;
  while (text && (n = fread(text + len, 1, size - len - 1, stdin)) > 0) {
    len += n;
    if (size - len == 1)
      text = realloc(text, size *= 2);
  }
  if (text)
    text[len] = '\0';
  return text;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: sqlite DB < SQL\n");
    return 64;
  }
  sqlite3 *db;
  char *message = NULL;
  char *sql = read_stdin();
  int rc = sqlite3_open(argv[1], &db);
  if (rc == SQLITE_OK)
    rc = sqlite3_exec(db, sql, print_row, NULL, &message);
  if (rc != SQLITE_OK)
    fprintf(stderr, "sqlite: %s\n", message ? message : sqlite3_errmsg(db));
  sqlite3_close(db);
  free(sql);
  return rc == SQLITE_OK ? 0 : 1;
}
