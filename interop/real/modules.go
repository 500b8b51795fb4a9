//go:build tools

// Package real pins what build compiles. SQLite's source is C in a Go module,
// which no tool directive can name.
package real

import _ "github.com/mattn/go-sqlite3"
