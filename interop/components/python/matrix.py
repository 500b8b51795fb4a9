"""One row of the matrix: python ROW [ADDRESS]

Modules are imported when the component is built, not when it runs.
"""

import datetime
import encodings.idna  # for socket, at run time
import hashlib
import os
import pathlib
import random
import shutil
import socket
import sys
import time
import uuid

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import monotonic_clock, outgoing_handler, poll
from wit_world.imports import wasi_http_types as http
from wit_world.imports.streams import StreamError_Closed

MS = 1_000_000
LARGE = 10 << 20

# What needs no network.


def clocks():
    start = time.monotonic_ns()
    print(f"{time.time_ns()} ns since 1970, {datetime.datetime.now().year}")
    time.sleep(0.02)
    passed = time.monotonic_ns() - start
    print(f"slept at least 20 ms: {passed >= 20 * MS}")
    print(f"{passed} ns, resolution {monotonic_clock.resolution()} ns")


def randoms():
    print(random.random(), list(os.urandom(9)), uuid.uuid4().int)
    print(random.SystemRandom().randrange(10**9))


def environment():
    print(ascii(sys.argv))
    print(ascii(dict(os.environ)))
    print(os.getcwd())
    print(os.environ.get("ABSENT"), file=sys.stderr)


def lines():
    for number, line in enumerate(sys.stdin):
        print(f"{number}: {line}", end="")
        if line == "enough\n":
            print("the rest is left", file=sys.stderr)
            return


def whole():
    data = sys.stdin.buffer.read()
    print(f"{len(data)} bytes, hash {digest(data)}")


def files():
    root = pathlib.Path("data")
    print(repr((root / "notes.txt").read_text()))
    for path in ("data/absent", "secret", "../secret"):
        try:
            print(pathlib.Path(path).read_text())
        except OSError as error:
            print(type(error).__name__)
    new = root / "new"
    (new / "deep").mkdir(parents=True)
    (new / "one").write_text("first\nsecond\n")
    with open(new / "one", "a") as f:
        f.write("third\n")
    with open(new / "one", "r+b") as f:
        f.seek(6)
        f.write(b"SECOND")
        f.seek(-6, os.SEEK_END)
        print(f.read(), f.truncate(13))
    (new / "one").rename(new / "two")
    shutil.copyfile(new / "two", new / "three")
    print(sorted((e.name, e.is_dir()) for e in os.scandir(new)), (new / "three").read_bytes())
    print((new / "three").stat().st_mtime_ns)
    shutil.rmtree(new)
    print(new.exists())


def panic():
    print("before the error")
    raise RuntimeError("an error that nobody catches")


def memory():
    kept = []
    print("before the memory is used up", flush=True)
    while True:
        kept.append(bytearray(1 << 20))


# Sockets.


def tcp(address):
    with socket.create_connection(split(address)) as s:
        s.sendall(b"hello")
        with s.makefile("rb") as f:
            print(f.read(5))
            s.sendall(b"x" * 50_000)
            s.shutdown(socket.SHUT_WR)
            print(len(f.read()))


def udp(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.sendto(b"a datagram", split(address))
        data, sender = s.recvfrom(100)
        print(data, sender == split(address))


def split(address):
    host, _, port = address.rpartition(":")
    return host, int(port)


# Requests.


def send(to, path, body=None, before=True):
    """Sends a request; a body is written before or after it is on its way."""
    request = http.OutgoingRequest(http.Fields.from_list([("x-a", b"gr\xfc\xdfe"), ("X-B", b""), ("x-a", b"2")]))
    request.set_scheme(http.Scheme_Http())
    request.set_authority(to)
    request.set_path_with_query(path)
    if body is None:
        return outgoing_handler.handle(request, None)
    request.set_method(http.Method_Post())
    out = request.body()
    if before:
        write(out, body)
        return outgoing_handler.handle(request, None)
    future = outgoing_handler.handle(request, None)
    write(out, body)
    return future


def write(out, body):
    with out.write() as stream, stream.subscribe() as ready:
        while body:
            ready.block()
            n = min(stream.check_write(), len(body))
            stream.write(bytes(body[:n]))
            body = body[n:]
        stream.blocking_flush()
    http.OutgoingBody.finish(out, None)


def wait(future):
    """The response, or Err."""
    with future, future.subscribe() as ready:
        ready.block()
        answer = future.get().value
    if isinstance(answer, Err):
        raise answer
    return answer.value


def read(response):
    body = response.consume()
    data = bytearray()
    with body.stream() as stream:
        while True:
            try:
                data += stream.blocking_read(1 << 16)
            except Err as end:
                if isinstance(end.value, StreamError_Closed):
                    break
                return data, http.http_error_code(end.value.value)
    with http.IncomingBody.finish(body) as trailers, trailers.subscribe() as ready:
        ready.block()
        fields = trailers.get().value.value
        return data, fields and fields.entries()


def show(what, future):
    try:
        response = wait(future)
        data, rest = read(response)
        said = ascii(data.decode("latin-1")) if len(data) < 200 else "hash " + digest(data)
        print(f"{what}: {response.status()} {len(data)} bytes {said} {rest}")
    except Err as error:
        print(f"{what}: {error.value}")


def ask(to, *paths):
    for path in paths:
        show(path, send(to, path))


def post(to, before):
    for body in (b"a short body, sent once", b"y" * 100_000, b""):
        show("echo", send(to, "/echo", body, before))
    show("digest", send(to, "/digest", b"y" * 100_000, before))


def four(to):
    waiting = [send(to, f"/slow?ms={ms}") for ms in (1600, 400, 1200, 800)]
    while waiting:
        pollables = [f.subscribe() for f in waiting]
        first = poll.poll(pollables)[0]
        for p in pollables:
            p.__exit__(None, None, None)
        show("one of four", waiting.pop(first))


def together(to):
    start = time.monotonic_ns()
    for future in [send(to, "/slow?ms=200") for _ in range(4)]:
        show("one of four", future)
    print(f"{(time.monotonic_ns() - start) // 1000} us")


def fields(to):
    response = wait(send(to, "/fields"))
    for name, value in response.headers().entries():
        print(f"{name}: {value}")
    print(bytes(read(response)[0]))


def large(to):
    data, _ = read(wait(send(to, f"/random?bytes={LARGE}&seed=7")))
    print(f"{len(data)} bytes {digest(data)}")
    show("up", send(to, "/digest", memoryview(data), before=False))


def forward(to):
    """A response's body as a request's, while it arrives."""
    body = wait(send(to, "/random?bytes=300000&seed=3")).consume()
    request = http.OutgoingRequest(http.Fields())
    request.set_method(http.Method_Post())
    request.set_scheme(http.Scheme_Http())
    request.set_authority(to)
    request.set_path_with_query("/digest")
    out = request.body()
    future = outgoing_handler.handle(request, None)
    with body.stream() as source, out.write() as stream:
        try:
            while True:
                stream.blocking_write_and_flush(source.blocking_read(4096))
        except Err as end:
            print(end.value)
    http.OutgoingBody.finish(out, None)
    show("forwarded", future)


def race(to, *pairs):
    for response, timer in pairs:
        with send(to, f"/slow?ms={response}") as future:
            with future.subscribe() as answer, monotonic_clock.subscribe_duration(timer * MS) as expired:
                print(f"first: {poll.poll([answer, expired])[0] + 1}")


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


ROWS = {
    "clocks": clocks,
    "random": randoms,
    "environment": environment,
    "lines": lines,
    "whole": whole,
    "files": files,
    "panic": panic,
    "memory": memory,
    "exit": lambda: sys.exit(3),
    "tcp": tcp,
    "udp": udp,
    "get": lambda to: ask(to, "/get?a=1&b=two", "/nowhere", "/status?code=204", "/status?code=302"),
    "post-before": lambda to: post(to, before=True),
    "post-after": lambda to: post(to, before=False),
    "four": four,
    "together": together,
    "chunked": lambda to: ask(to, "/chunked", "/drip"),
    "cut": lambda to: ask(to, "/cut", "/cut-chunk", "/cut-head", "/close"),
    "refused": lambda to: ask(to, "/"),
    "unknown": lambda to: ask(to, "/"),
    "fields": fields,
    "large": large,
    "forward": forward,
    "race": lambda to: race(to, (0, 5000), (5000, 50)),
    "race-close": lambda to: race(to, *[(30, 30)] * 10),
}


class Run(exports.Run):
    def run(self):
        _, row, *address = sys.argv
        ROWS[row](*address)
