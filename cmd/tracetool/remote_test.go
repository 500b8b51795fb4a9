package main

import (
	"net/http"
	"net/http/httptest"

	"github.com/rogpeppe/go-internal/testscript"
)

// serve DIR [plain] starts a web server of the files in a directory and puts
// its address into $URL. A plain one knows no range requests.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: serve DIR [plain]")
	}
	handler := http.FileServer(http.Dir(ts.MkAbs(args[0])))
	if len(args) == 2 {
		files := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			files.ServeHTTP(w, r)
		})
	}
	server := httptest.NewServer(handler)
	ts.Defer(server.Close)
	ts.Setenv("URL", server.URL)
}
