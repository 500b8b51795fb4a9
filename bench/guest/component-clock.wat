;; Reads the monotonic clock 1,000,000 times.
(component
  (import "wasi:clocks/monotonic-clock@0.2.6" (instance $clock
    (export "now" (func (result u64)))))
  (core func $now (canon lower (func $clock "now")))
  (core module $M
    (import "host" "now" (func $now (result i64)))
    (func (export "run") (result i32)
      (local $n i32) (local $sum i64)
      (local.set $n (i32.const 1000000))
      (loop $more
        (local.set $sum (i64.add (local.get $sum) (call $now)))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i64.eqz (local.get $sum)))) ;; ok, unless all of them were 0
  (core instance $m (instantiate $M (with "host" (instance (export "now" (func $now))))))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (instance $export (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $export)))
