"""What serve calls: answers requests, each in its own way by its path."""

import hashlib
import random
import sys
import time
from urllib.parse import unquote, urlsplit

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import outgoing_handler
from wit_world.imports import types as http
from wit_world.imports.streams import StreamError_Closed


def respond(out, status=200, fields=()):
    """Sends the head of a response, and returns its body."""
    response = http.OutgoingResponse(http.Fields.from_list(list(fields)))
    response.set_status_code(status)
    body = response.body()
    http.ResponseOutparam.set(out, Ok(response))
    return body


def answer(out, data, status=200, fields=()):
    body = respond(out, status, fields)
    with body.write() as stream:
        write(stream, data)
    http.OutgoingBody.finish(body, None)


def write(stream, data):
    with stream.subscribe() as ready:
        while data:
            ready.block()
            n = min(stream.check_write(), len(data))
            stream.write(bytes(data[:n]))
            data = data[n:]
    stream.blocking_flush()


def read(message):
    """The body of a request or a response, piece by piece."""
    body = message.consume()
    with body.stream() as stream:
        while True:
            try:
                yield stream.blocking_read(1 << 16)
            except Err as end:
                if not isinstance(end.value, StreamError_Closed):
                    raise
                break
    http.IncomingBody.finish(body).__exit__(None, None, None)


def title(request):
    return f"{type(request.method()).__name__} {request.path_with_query()}\n".encode()


def get(request, out):
    answer(out, title(request), fields=[("Content-Type", b"text/plain")])


def empty(request, out):
    body = respond(out, 204)
    http.OutgoingBody.finish(body, None)


def echo(request, out):
    body = respond(out, fields=[("X-Method", type(request.method()).__name__.encode())])
    with body.write() as stream:
        for piece in read(request):
            write(stream, piece)
    http.OutgoingBody.finish(body, None)


def digest(request, out):
    data = b"".join(read(request))
    answer(out, f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}\n".encode())


def fields(request, out):
    got = [f"{name}: {bytes(value)}\n" for name, value in request.headers().entries() if name.startswith("x-")]
    answer(
        out, "".join(got).encode(), 201,
        [("Set-Cookie", b"a=1"), ("X-Beyond", b"gr\xfc\xdfe \xff"), ("set-cookie", b"b=2; Path=/"), ("X-Empty", b""), ("x-b", b"1"), ("X-B", b"2")],
    )  # fmt: skip


def pieces(request, out):
    """A body that is made while it is sent, and trailers."""
    body = respond(out, fields=[("Trailer", b"X-After")])
    with body.write() as stream:
        for piece in (b"first,", b"second, longer than the first,", b"x" * 10_000, b"last"):
            write(stream, piece)
            time.sleep(0.005)
    http.OutgoingBody.finish(body, http.Fields.from_list([("X-After", b"the body")]))


def cut(request, out):
    body = respond(out)
    with body.write() as stream:
        write(stream, title(request))


def vary(request, out):
    start = time.monotonic_ns()
    time.sleep(0.002)
    answer(out, f"{time.time_ns()} {time.monotonic_ns() - start} {random.SystemRandom().random()}\n".encode())


def meet(request, out):
    """Asks another server, which answers when several ask."""
    url = urlsplit(unquote(urlsplit(request.path_with_query()).query))
    asked = http.OutgoingRequest(http.Fields())
    asked.set_scheme(http.Scheme_Http())
    asked.set_authority(url.netloc)
    asked.set_path_with_query(f"{url.path}?{url.query}")
    with outgoing_handler.handle(asked, None) as future:
        with future.subscribe() as ready:
            ready.block()
        answer(out, b"".join(read(future.get().value.value)))


def show(request, out):
    print("to stdout:", title(request))
    print("to stderr:", title(request), file=sys.stderr)
    answer(out, b"printed\n")


def trap(request, out):
    print("before the error", file=sys.stderr)
    raise RuntimeError("an error that nobody catches")


def none(request, out):
    pass


def error(request, out):
    http.ResponseOutparam.set(out, Err(http.ErrorCode_InternalError("no luck")))


def missing(request, out):
    answer(out, b"no such path\n", 404)


PATHS = {
    "/get": get, "/empty": empty, "/echo": echo, "/digest": digest, "/fields": fields, "/pieces": pieces, "/cut": cut, "/vary": vary, "/meet": meet,
    "/print": show, "/trap": trap, "/none": none, "/error": error,
}  # fmt: skip


class IncomingHandler(exports.IncomingHandler):
    def handle(self, request, response_out):
        PATHS.get(urlsplit(request.path_with_query()).path, missing)(request, response_out)
