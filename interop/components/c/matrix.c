// One row of the matrix: c ROW [ADDRESS]. A program of WASI preview1, made a component by the adapter.
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "matrix.h"

extern char **environ;

// Where nobody calls this, the linker has each export call it, cabi_realloc too, in which
// the host must not be called. As main calls it, it has to end by exit.
extern void __wasm_call_ctors(void);

// The adapter takes its memory from here. Without it the adapter grows the memory by
// itself, and an older wasi-libc takes what it finds for its own.
__attribute__((export_name("cabi_realloc"))) void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
	(void)old_size, (void)align;
	return realloc(old, size);
}

static int64_t now(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void clocks(void) {
	int64_t start = now(CLOCK_MONOTONIC);
	printf("%lld ns since 1970\n", (long long)now(CLOCK_REALTIME));
	struct timespec pause = {0, 20000000}, resolution;
	nanosleep(&pause, NULL);
	int64_t passed = now(CLOCK_MONOTONIC) - start;
	printf("slept at least 20 ms: %s\n", passed >= 20000000 ? "yes" : "no");
	clock_getres(CLOCK_MONOTONIC, &resolution);
	printf("%lld ns, resolution %ld ns\n", (long long)passed, resolution.tv_nsec);
}

static void random_numbers(void) {
	uint64_t numbers[4];
	if (getentropy(numbers, sizeof numbers) != 0) perror("getentropy");
	for (int i = 0; i < 4; i++) printf("%llu\n", (unsigned long long)numbers[i]);
}

static void environment(int argc, char **argv) {
	for (int i = 0; i < argc; i++) printf("%s\n", argv[i]);
	for (char **e = environ; *e; e++) printf("%s\n", *e);
	fprintf(stderr, "%s\n", getenv("ABSENT") ? "present" : "absent");
}

static void lines(void) {
	static char line[1 << 20];
	for (int number = 0; fgets(line, sizeof line, stdin); number++) {
		printf("%d: %s", number, line);
		if (strcmp(line, "enough\n") == 0) {
			fprintf(stderr, "the rest is left\n");
			return;
		}
	}
}

uint64_t hash(const char *data, size_t size) {
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < size; i++) hash = (hash ^ (uint8_t)data[i]) * 0x100000001b3;
	return hash;
}

static void whole(void) {
	static char data[1 << 20];
	size_t n = fread(data, 1, sizeof data, stdin);
	printf("%zu bytes, hash %llx\n", n, (unsigned long long)hash(data, n));
}

static void show(const char *path) {
	char text[100];
	FILE *f = fopen(path, "r");
	if (!f) {
		printf("%s: %s\n", path, strerror(errno));
		return;
	}
	size_t n = fread(text, 1, sizeof text - 1, f);
	text[n] = 0;
	printf("%s: %s", path, text);
	fclose(f);
}

static void must(const char *what, int result) {
	if (result < 0) {
		printf("%s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static void files(void) {
	show("data/notes.txt");
	show("data/absent");
	show("../secret");
	must("mkdir", mkdir("data/new", 0777));
	FILE *f = fopen("data/new/one", "w+");
	fputs("first\nsecond\n", f);
	fseek(f, 6, SEEK_SET);
	fputs("SECOND", f);
	fclose(f);
	show("data/new/one");
	must("truncate", truncate("data/new/one", 9));
	must("rename", rename("data/new/one", "data/new/two"));
	DIR *directory = opendir("data/new");
	for (struct dirent *e; (e = readdir(directory));)
		if (e->d_name[0] != '.') printf("entry %s\n", e->d_name);
	closedir(directory);
	struct stat s;
	must("stat", stat("data/new/two", &s));
	printf("%lld bytes, changed %lld\n", (long long)s.st_size, (long long)s.st_mtim.tv_sec);
	must("unlink", unlink("data/new/two"));
	must("rmdir", rmdir("data/new"));
	show("data/new/two");
}

static void memory(void) {
	setbuf(stdout, NULL);
	printf("before the memory is used up\n");
	for (int i = 0;; i++) {
		char *volatile more = malloc(1 << 20);
		if (!more) {
			printf("after %d MiB\n", i);
			abort();
		}
		memset(more, 1, 1 << 20);
	}
}

static int overflow(int depth) {
	volatile char space[512];
	memset((char *)space, depth, sizeof space);
	if (space[0] != (char)depth) return 0;
	return overflow(depth + 1) + space[depth % 512];
}

static int run(int argc, char **argv) {
	const char *row = argc > 1 ? argv[1] : "";
	struct {
		const char *name;
		void (*run)(void);
	} rows[] = {{"clocks", clocks}, {"random", random_numbers}, {"lines", lines}, {"whole", whole}, {"files", files}, {"memory", memory}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(row, rows[i].name) == 0) {
			rows[i].run();
			return 0;
		}
	if (argc > 2 && network_row(row, argv[2])) return 0;
	if (strcmp(row, "environment") == 0) environment(argc, argv);
	if (strcmp(row, "overflow") == 0) printf("%d\n", overflow(1));
	if (strcmp(row, "exit") == 0) exit(3);
	printf("before the end\n");
	fflush(stdout);
	if (strcmp(row, "panic") == 0) abort();
	if (strcmp(row, "trap") == 0) __builtin_trap();
	if (strcmp(row, "bounds") == 0) *(volatile char *)0xfffffff0 = 1;
	return 0;
}

int main(int argc, char **argv) {
	__wasm_call_ctors();
	exit(run(argc, argv));
}
