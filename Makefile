# The build needs nothing but Go; this file only collects commands.
DIST ?= dist
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build test bench ci platforms release clean

build:
	go build -o tracetool ./cmd/tracetool

test:
	go test ./...

bench:
	go run ./bench

# All that main must pass; takes a while.
ci:
	bash .ci/run

# The list that .ci/run goes through.
platforms:
	@echo $(PLATFORMS)

# Static binaries of all platforms with their checksums.
release:
	mkdir -p $(DIST)
	set -e; for p in $(PLATFORMS); do \
		os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
		echo $(DIST)/tracetool-$$os-$$arch$$ext; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath -ldflags '-s -w' -o $(DIST)/tracetool-$$os-$$arch$$ext ./cmd/tracetool; \
	done
	cd $(DIST) && sha256sum tracetool-* > SHA256SUMS

clean:
	rm -rf dist tracetool
