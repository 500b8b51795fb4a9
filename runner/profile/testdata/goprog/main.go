// A program with a stack that goroutines take apart, and a known number of
// calls and allocations.
package main

//go:noinline
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

var kept [][]byte

//go:noinline
func allocate(n int) { kept = append(kept, make([]byte, n)) }

//go:noinline
func work(done chan int) {
	for i := 0; i < 100; i++ {
		allocate(1000)
		done <- fib(13) // puts the goroutine aside
	}
	close(done)
}

func main() {
	done := make(chan int)
	go work(done)
	sum := 0
	for n := range done {
		sum += n
	}
	println(sum)
}
