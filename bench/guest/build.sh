#!/bin/sh
# Rebuilds the benchmark guests. Needs clang and wasm-ld with wasi-libc and the
# wasm32 builtins, as examples/README.md says, and wasm-tools for the components.
set -eu
cd "$(dirname "$0")"
for name in clock random write read mixed; do
	clang --target=wasm32-wasi -O2 -s -Wall -Wextra -Werror -o "$name.wasm" "$name.c"
	chmod 644 "$name.wasm"
	ls -l "$name.wasm"
done
for name in clock random mixed; do
	wasm-tools parse -o "component-$name.wasm" "component-$name.wat"
	chmod 644 "component-$name.wasm"
	ls -l "component-$name.wasm"
done
