;; Makes 200,000 rounds of 5 different calls: both clocks, a random number, and
;; room for a line on stdout, which is written.
(component
  (import "wasi:io/error@0.2.6" (instance $errors (export "error" (type (sub resource)))))
  (alias export $errors "error" (type $error))
  (import "wasi:io/streams@0.2.6" (instance $streams
    (alias outer 1 $error (type $outer))
    (export "error" (type $error (eq $outer)))
    (export "output-stream" (type $output (sub resource)))
    (type $failure' (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $failure (eq $failure')))
    (export "[method]output-stream.check-write"
      (func (param "self" (borrow $output)) (result (result u64 (error $failure)))))
    (export "[method]output-stream.write"
      (func (param "self" (borrow $output)) (param "contents" (list u8)) (result (result (error $failure)))))))
  (alias export $streams "output-stream" (type $output))
  (import "wasi:cli/stdout@0.2.6" (instance $stdout
    (alias outer 1 $output (type $outer))
    (export "output-stream" (type $output (eq $outer)))
    (export "get-stdout" (func (result (own $output))))))
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $monotonic
    (export "now" (func (result u64)))))
  (import "wasi:clocks/wall-clock@0.2.6" (instance $wall
    (type $datetime' (record (field "seconds" u64) (field "nanoseconds" u32)))
    (export "datetime" (type $datetime (eq $datetime')))
    (export "now" (func (result $datetime)))))
  (import "wasi:random/random@0.2.6" (instance $random
    (export "get-random-u64" (func (result u64)))))

  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $stdout (canon lower (func $stdout "get-stdout")))
  (core func $monotonic (canon lower (func $monotonic "now")))
  (core func $wall (canon lower (func $wall "now") (memory $mem)))
  (core func $draw (canon lower (func $random "get-random-u64")))
  (core func $check (canon lower (func $streams "[method]output-stream.check-write") (memory $mem)))
  (core func $write (canon lower (func $streams "[method]output-stream.write") (memory $mem)))
  (core func $drop (canon resource.drop $output))
  (core module $M
    (import "host" "memory" (memory 1))
    (import "host" "stdout" (func $stdout (result i32)))
    (import "host" "monotonic" (func $monotonic (result i64)))
    (import "host" "wall" (func $wall (param i32)))
    (import "host" "draw" (func $draw (result i64)))
    (import "host" "check" (func $check (param i32 i32)))
    (import "host" "write" (func $write (param i32 i32 i32 i32)))
    (import "host" "drop" (func $drop (param i32)))
    (data (i32.const 64) "round 00000000\n")
    ;; Puts the number into the line, as 8 digits.
    (func $number (param $n i32)
      (local $at i32)
      (local.set $at (i32.const 77))
      (loop $digit
        (i32.store8 (local.get $at) (i32.add (i32.const 0x30) (i32.rem_u (local.get $n) (i32.const 10))))
        (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
        (br_if $digit (i32.ge_u (local.tee $at (i32.sub (local.get $at) (i32.const 1))) (i32.const 70)))))
    (func (export "run") (result i32)
      (local $n i32) (local $out i32)
      (local.set $out (call $stdout))
      (loop $more
        (drop (call $monotonic))
        (call $wall (i32.const 0))
        (drop (call $draw))
        (call $number (local.get $n))
        (call $check (local.get $out) (i32.const 16))
        (if (i32.load8_u (i32.const 16)) (then (return (i32.const 1))))
        (call $write (local.get $out) (i32.const 64) (i32.const 15) (i32.const 32))
        (if (i32.load8_u (i32.const 32)) (then (return (i32.const 1))))
        (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200000))))
      (call $drop (local.get $out))
      (i32.const 0)))
  (core instance $m (instantiate $M (with "host" (instance
    (export "memory" (memory $mem)) (export "stdout" (func $stdout))
    (export "monotonic" (func $monotonic)) (export "wall" (func $wall)) (export "draw" (func $draw))
    (export "check" (func $check)) (export "write" (func $write)) (export "drop" (func $drop))))))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (instance $export (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $export)))
