package cli

// catchBrokenPipes does nothing: Windows has no SIGPIPE.
func catchBrokenPipes() {}
