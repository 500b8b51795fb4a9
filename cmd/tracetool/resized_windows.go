package main

import "os"

// notifyResized does nothing: Windows has no signal for it.
func notifyResized(chan<- os.Signal) {}
