;; Answers no request but exits: with an error, unless the method is GET.
(component
  (import "wasi:cli/exit@0.2.6" (instance $exit (export "exit" (func (param "status" (result))))))
  (import "wasi:http/types@0.2.6" (instance $http
    (export "incoming-request" (type $request (sub resource)))
    (export "response-outparam" (type $outparam (sub resource)))
    (type $method' (variant
      (case "get") (case "head") (case "post") (case "put") (case "delete") (case "connect") (case "options") (case "trace")
      (case "patch") (case "other" string)))
    (export "method" (type $method (eq $method')))
    (export "[method]incoming-request.method" (func (param "self" (borrow $request)) (result $method)))))
  (alias export $http "incoming-request" (type $request))
  (alias export $http "response-outparam" (type $outparam))

  (core module $Memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $exit (canon lower (func $exit "exit")))
  (core func $method (canon lower (func $http "[method]incoming-request.method") (memory $mem) (realloc $realloc)))
  (core module $M
    (import "host" "memory" (memory 1))
    (import "host" "exit" (func $exit (param i32)))
    (import "host" "method" (func $method (param i32 i32)))
    (func (export "handle") (param $request i32) (param $outparam i32)
      (call $method (local.get $request) (i32.const 0))
      (call $exit (i32.ne (i32.load8_u (i32.const 0)) (i32.const 0)))))
  (core instance $m (instantiate $M (with "host" (instance
    (export "memory" (memory $mem)) (export "exit" (func $exit)) (export "method" (func $method))))))
  (func $handle (param "request" (own $request)) (param "response-out" (own $outparam)) (canon lift (core func $m "handle")))
  (component $Handler
    (import "request" (type $request' (sub resource)))
    (import "outparam" (type $outparam' (sub resource)))
    (import "handle" (func $handle (param "request" (own $request')) (param "response-out" (own $outparam'))))
    (export $request "incoming-request" (type $request'))
    (export $outparam "response-outparam" (type $outparam'))
    (export "handle" (func $handle) (func (param "request" (own $request)) (param "response-out" (own $outparam)))))
  (instance $handler (instantiate $Handler (with "request" (type $request)) (with "outparam" (type $outparam)) (with "handle" (func $handle))))
  (export "wasi:http/incoming-handler@0.2.6" (instance $handler)))
