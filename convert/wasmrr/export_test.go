package wasmrr

// RandomEvent makes an event of a kind for tests of other packages.
var RandomEvent = randomEvent
