;; Draws 1,000,000 random numbers of 64 bits.
(component
  (import "wasi:random/random@0.2.6" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (core func $draw (canon lower (func $random "get-random-u64")))
  (core module $M
    (import "host" "draw" (func $draw (result i64)))
    (func (export "run") (result i32)
      (local $n i32) (local $or i64)
      (local.set $n (i32.const 1000000))
      (loop $more
        (local.set $or (i64.or (local.get $or) (call $draw)))
        (br_if $more (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i64.eqz (local.get $or)))) ;; ok, unless all of them were 0
  (core instance $m (instantiate $M (with "host" (instance (export "draw" (func $draw))))))
  (func $run (result (result)) (canon lift (core func $m "run")))
  (instance $export (export "run" (func $run)))
  (export "wasi:cli/run@0.2.6" (instance $export)))
