// A module that draws bytes of its own: a sum of all that it was told, and how often
// each key was typed of late. It does as little as can be, so that a test may replay
// it for millions of events. Built by:
// clang --target=wasm32 -Oz -s -nostdlib -Wall -Wextra -Werror -Wl,--no-entry -o fold.wasm fold.c

#define EXPORT(name) __attribute__((export_name(name)))

enum { GO_ON = -1, EVENT_SIZE = 4096 };
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static u8 event[EVENT_SIZE];
static struct { u64 sum, now; u8 keys[16]; } shown;

// add is FNV-1a, a word at a time.
static void add(u64 v) { shown.sum = (shown.sum ^ v) * 0x100000001b3; }

EXPORT("session_start") int session_start(int columns, int rows, u64 seed) {
	shown.sum = 0xcbf29ce484222325 ^ seed;
	add((u64)columns << 32 | (u32)rows);
	return GO_ON;
}

EXPORT("session_resize") int session_resize(int columns, int rows) {
	add((u64)columns << 32 | (u32)rows);
	return GO_ON;
}

EXPORT("session_advance") int session_advance(u64 now) {
	add(shown.now = now);
	return GO_ON;
}

EXPORT("session_buffer") u8 *session_buffer(u32 size) { return size <= sizeof event ? event : 0; }

EXPORT("session_event") int session_event(const u8 *text, u32 size) {
	if (text != event)
		return GO_ON; // too long: nothing that is of use here
	for (u32 i = 0; i < size; i++)
		add(text[i]);
	shown.keys[shown.sum % sizeof shown.keys]++;
	return GO_ON;
}

EXPORT("session_frame") u64 session_frame(void) { return (u64)sizeof shown << 32 | (u32)&shown; }
