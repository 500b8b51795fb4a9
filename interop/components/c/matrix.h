#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// FNV-1a, 64 bits.
uint64_t hash(const char *data, size_t size);

// network_row does a row with a network; it is false if there is none of that name.
bool network_row(const char *row, const char *to);
