#!/bin/sh
# Rebuilds every .wasm of this folder from its source. Needs go, clang and wasm-ld
# with wasi-libc and the wasm32 builtins, rustc with the targets wasm32-wasip1 and wasm32-wasip2; what
# README.md says about installing them is for you to do. Names given as arguments
# limit it: ./build.sh hello reactor
set -eu
cd "$(dirname "$0")"

# No path of the machine that builds may end up in a module.
cc="clang --target=wasm32-wasi -Wall -Wextra -Werror -ffile-prefix-map=$PWD=. -ffile-prefix-map=/usr/include/wasm32-wasi=wasi-libc -fdebug-compilation-dir=."

build_hello() { $cc -Oz -s -o hello/hello.wasm hello/hello.c; }

build_go_files() {
	GOOS=wasip1 GOARCH=wasm go build -trimpath -buildvcs=false -ldflags='-s -w -buildid=' \
		-o go-files/files.wasm ./go-files
}

build_rust_report() {
	rustc --edition 2021 --target wasm32-wasip1 --remap-path-prefix "$PWD=." \
		-C opt-level=z -C lto=fat -C codegen-units=1 -C panic=abort -C strip=symbols \
		-o rust-report/report.wasm rust-report/report.rs
}

# The same program as a component of WASI 0.2.
build_rust_component() {
	rustc --edition 2021 --target wasm32-wasip2 --remap-path-prefix "$PWD=." \
		-C opt-level=z -C lto=fat -C codegen-units=1 -C panic=abort -C strip=symbols \
		-o rust-component/report.wasm rust-report/report.rs
}

build_cargo() {
	(cd "$1" && RUSTFLAGS="--remap-path-prefix $PWD/$1=. --remap-path-prefix ${CARGO_HOME:-$HOME/.cargo}=cargo" \
		cargo build --release --target wasm32-wasip2 --target-dir "${TMPDIR:-/tmp}/$1")
	cp "${TMPDIR:-/tmp}/$1"/wasm32-wasip2/release/*.wasm "$1"
}

build_rust_http() { build_cargo rust-http; }
build_rust_world() { build_cargo rust-world; }

build_http() {
	rustc --edition 2021 --target wasm32-wasip1 --remap-path-prefix "$PWD=." \
		-C opt-level=z -C lto=fat -C codegen-units=1 -C panic=abort -C strip=symbols \
		-o "http-$1/$1.wasm" "http-$1/$1.rs"
}

build_http_server() { build_http server; }
build_http_client() { build_http client; }
build_http_fetch() { build_http fetch; }

# Line tables and names stay, so that the stack of a trap has source lines.
build_c_trap() { $cc -O1 -gline-tables-only -o c-trap/trap.wasm c-trap/trap.c; }

build_reactor() { $cc -Oz -Wl,--strip-debug -mexec-model=reactor -o reactor/reactor.wasm reactor/reactor.c; }

build_plugin() {
	$cc -Oz -Wl,--strip-debug -nostdlib -ffreestanding -Wl,--no-entry -o plugin/plugin.wasm plugin/guest/guest.c
}

build_frames() {
	$cc -Oz -Wl,--strip-debug -nostdlib -ffreestanding -Wl,--no-entry -o frames/frames.wasm frames/frames.c
}

# Twice: as it should be, and with a mistake in what it draws, for gates to find.
build_editor() {
	for build in editor mistake; do
		rustc --edition 2021 --target wasm32-wasip1 --remap-path-prefix "$PWD=." --cfg "$build" --check-cfg 'cfg(editor, mistake)' \
			-C opt-level=z -C lto=fat -C codegen-units=1 -C panic=abort -C strip=symbols \
			-o "editor/$build.wasm" editor/editor.rs
	done
}

[ $# -gt 0 ] || set -- hello go-files rust-report rust-component rust-http rust-world http-server http-client http-fetch c-trap reactor plugin editor frames
for name; do
	"build_$(echo "$name" | tr - _)"
	chmod 644 "$name"/*.wasm
	ls -l "$name"/*.wasm
done
