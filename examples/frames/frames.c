// The game of life, drawn by a module that knows nothing of WASI or terminals: it
// exports the functions of a session, see SPEC.md. Each tick of 100 ms is a
// generation; Space pauses, a click turns a cell over, q quits.

#define EXPORT(name) __attribute__((export_name(name)))

enum { MAX_COLUMNS = 200, MAX_ROWS = 100, GO_ON = -1 };
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static u8 world[MAX_ROWS][MAX_COLUMNS], next[MAX_ROWS][MAX_COLUMNS];
static int columns, rows, paused, generation;
static u64 seed, due;
static char buffer[4096];
static char drawn[MAX_ROWS * (MAX_COLUMNS + 1) * 4 + 256];

// random is xorshift64*: the seed decides what the first world looks like.
static u32 random(void) {
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (u32)(seed * 0x2545f4914f6cdd1dULL >> 32);
}

static void resize(int c, int r) {
	columns = c < MAX_COLUMNS ? c : MAX_COLUMNS;
	rows = r < MAX_ROWS ? r - 1 : MAX_ROWS - 1;
}

EXPORT("session_start") int session_start(int c, int r, u64 s) {
	seed = s + 0x9e3779b97f4a7c15ULL;
	resize(c, r);
	for (int y = 0; y < MAX_ROWS; y++)
		for (int x = 0; x < MAX_COLUMNS; x++)
			world[y][x] = random() % 4 == 0;
	return GO_ON;
}

EXPORT("session_resize") int session_resize(int c, int r) {
	resize(c, r);
	return GO_ON;
}

static void step(void) {
	for (int y = 0; y < rows; y++)
		for (int x = 0; x < columns; x++) {
			int n = 0;
			for (int dy = -1; dy <= 1; dy++)
				for (int dx = -1; dx <= 1; dx++)
					if (dx || dy)
						n += world[(y + dy + rows) % rows][(x + dx + columns) % columns];
			next[y][x] = n == 3 || (n == 2 && world[y][x]);
		}
	for (int y = 0; y < rows; y++)
		for (int x = 0; x < columns; x++)
			world[y][x] = next[y][x];
	generation++;
}

EXPORT("session_advance") int session_advance(u64 now) {
	for (; due + 100000000 <= now; due += 100000000)
		if (!paused && rows > 0)
			step();
	return GO_ON;
}

// The host writes the text of an event where this points to.
EXPORT("session_buffer") char *session_buffer(u32 size) {
	return size <= sizeof buffer ? buffer : 0;
}

static const char *after(const char *prefix, u32 size) {
	u32 i = 0;
	for (; prefix[i]; i++)
		if (i >= size || buffer[i] != prefix[i])
			return 0;
	return buffer + i;
}

static int number(const char **s, const char *end) {
	int n = 0;
	for (; *s < end && **s >= '0' && **s <= '9'; ++*s)
		n = n * 10 + **s - '0';
	++*s;
	return n;
}

EXPORT("session_event") int session_event(const char *text, u32 size) {
	if (text != buffer)
		return GO_ON; // too long: nothing that is of use here
	const char *at;
	if ((at = after("key ", size)) && size == 5 && *at == 'q')
		return 0;
	if (after("key Space", size) && size == 9)
		paused = !paused;
	if ((at = after("mouse press left ", size))) {
		int x = number(&at, buffer + size), y = number(&at, buffer + size);
		if (x < columns && y < rows)
			world[y][x] ^= 1;
	}
	return GO_ON;
}

static char *put(char *out, const char *s) {
	while (*s)
		*out++ = *s++;
	return out;
}

static char *put_number(char *out, int n) {
	char digits[12];
	int i = 0;
	do
		digits[i++] = '0' + n % 10;
	while (n /= 10);
	while (i)
		*out++ = digits[--i];
	return out;
}

// What is drawn is text for a terminal that is blank: address in the lower half of
// the result, size in the upper.
EXPORT("session_draw") u64 session_draw(void) {
	char *out = put(drawn, "\x1b[?25l\x1b[32m");
	for (int y = 0; y < rows; y++) {
		for (int x = 0; x < columns; x++)
			out = put(out, world[y][x] ? "●" : " ");
		out = put(out, "\n");
	}
	out = put_number(put(out, "\x1b[m\x1b[7m generation "), generation);
	out = put(out, paused ? " paused " : " ");
	return (u64)(out - drawn) << 32 | (u32)drawn;
}
