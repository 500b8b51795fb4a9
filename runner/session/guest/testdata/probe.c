// What a program may do that a session must cope with, chosen by the first
// argument. Built by:
// clang --target=wasm32-wasi -Oz -s -Wall -Wextra -Werror -o probe.wasm probe.c
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long ns(clockid_t id) {
	struct timespec t;
	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int sleep_ms(long ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	return nanosleep(&t, 0);
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	char b[64];
	setvbuf(stdout, 0, _IONBF, 0);
	if (!strcmp(what, "loop")) {
		for (volatile int i = 0;; i++)
			;
	}
	if (!strcmp(what, "hang")) {
		printf("press a key");
		read(0, b, 1);
		for (volatile int i = 0;; i++)
			;
	}
	if (!strcmp(what, "calls")) {
		for (;;)
			printf("x");
	}
	if (!strcmp(what, "clock")) { // waits by looking at the clock
		while (ns(CLOCK_MONOTONIC) < 50000000)
			;
		printf("50 ms\n");
	}
	if (!strcmp(what, "look")) { // waits by looking for input
		fcntl(0, F_SETFL, O_NONBLOCK);
		while (read(0, b, sizeof b) < 0 && errno == EAGAIN)
			;
		printf("read\n");
	}
	if (!strcmp(what, "yield")) {
		struct pollfd p = {0, POLLIN, 0};
		while (poll(&p, 1, 0) == 0)
			sched_yield();
		printf("ready\n");
	}
	if (!strcmp(what, "world")) {
		getentropy(b, 8);
		printf("%lld %lld ", ns(CLOCK_REALTIME), ns(CLOCK_MONOTONIC));
		for (int i = 0; i < 8; i++)
			printf("%02x", (unsigned char)b[i]);
		printf("\n%s %s %s %s %d\n", getenv("COLUMNS"), getenv("LINES"), getenv("TERM"), getenv("HOME") ? getenv("HOME") : "-", isatty(1));
		printf("%d\n", open("/", O_RDONLY));
	}
	if (!strcmp(what, "sleep")) {
		for (int i = 0; i < 5; i++) {
			printf("%lld\n", ns(CLOCK_MONOTONIC) / 1000000);
			sleep_ms(30);
		}
	}
	if (!strcmp(what, "nap"))
		for (;;)
			sleep_ms(0), usleep(1);
	if (!strcmp(what, "ask")) {
		printf("\x1b[6n");
		int n = read(0, b, sizeof b);
		for (int i = 0; i < n; i++)
			printf("%02x", b[i]);
	}
	if (!strcmp(what, "sizes")) {
		printf("\x1b[?2048h");
		for (;;) {
			int n = read(0, b, sizeof b);
			if (n <= 0)
				return 9;
			printf("%.*s|", n - 1, b + 1);
		}
	}
	if (!strcmp(what, "trap"))
		__builtin_trap();
	if (!strcmp(what, "exit"))
		return 3;
	return 0;
}
