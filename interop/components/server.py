"""The servers that the programs of the matrix talk to, on loopback.

Responses are written byte by byte as below, since the point of many is that they
are unusual: cut, in chunks, with fields twice or with bytes beyond ASCII.
"""

import hashlib
import random
import socket
import socketserver
import struct
import threading
import time
from urllib.parse import parse_qsl, urlsplit

REASONS = {200: "OK", 204: "No Content", 302: "Found", 404: "Not Found", 413: "Content Too Large", 500: "Internal Server Error"}


class Message:
    """A request or a response: fields as [(name, value)] in order, body read on demand."""

    def __init__(self, file):
        self.file = file
        self.line = file.readline().decode("latin-1").split(" ", 2)
        self.fields, self.trailers = [], []
        while line := file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            self.fields.append((name, value.strip()))

    def field(self, name):
        return next((v for n, v in self.fields if n.lower() == name), None)

    def body(self):
        return b"".join(self.pieces())

    def pieces(self):
        """The body as it was sent. ValueError: it is cut."""
        if self.field("transfer-encoding") == "chunked":
            yield from self.chunks()
            return
        length = int(self.field("content-length") or 0)
        data = self.file.read(length)
        yield data
        if len(data) < length:
            raise ValueError(f"{len(data)} of {length} bytes")

    def chunks(self):
        while size := int(self.file.readline(), 16):
            yield self.file.read(size)
            self.file.readline()
        while line := self.file.readline().decode("latin-1").strip():
            self.trailers.append(line)


class Request(Message):
    def __init__(self, file):
        super().__init__(file)
        self.method, target, _ = self.line
        self.path = urlsplit(target).path
        self.query = dict(parse_qsl(urlsplit(target).query))


def head(fields, status=200):
    lines = [f"HTTP/1.1 {status} {REASONS[status]}".encode()]
    lines += [name.encode("latin-1") + b": " + value.encode("latin-1") for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def whole(body, *fields, status=200):
    return head([*fields, ("Content-Length", str(len(body)))], status) + body


# Each handler yields the response in pieces. What stands between two of them
# happens between two writes to the connection.


def get(request):
    yield whole(f"{request.method} {request.path} {sorted(request.query.items())}\n".encode(), ("Content-Type", "text/plain"))


def echo(request):
    yield whole(request.body(), ("X-Method", request.method))


def digest(request):
    body = request.body()
    yield whole(f"{len(body)} bytes, sha256 {hashlib.sha256(body).hexdigest()}\n".encode())


def chunked(request):
    yield head([("Transfer-Encoding", "chunked"), ("Trailer", "X-After")])
    for piece in (b"first,", b"second, longer than the first,", b"x" * 10_000, b"last"):
        time.sleep(0.01)
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\nX-After: the body\r\n\r\n"


def cut(request):
    yield head([("Content-Length", "1000")]) + b"c" * 300


def cut_chunk(request):
    yield head([("Transfer-Encoding", "chunked")]) + b"4\r\nfour\r\n64\r\nnot a hundred bytes"


def cut_head(request):
    yield b"HTTP/1.1 200 OK\r\nContent-Le"


def slow(request):
    time.sleep(int(request.query["ms"]) / 1000)
    yield whole(f"after {request.query['ms']} ms\n".encode())


MEETINGS = {}


def meet(request):
    """Answers when n have asked who know each other."""
    n = int(request.query["n"])
    MEETINGS.setdefault(request.query["who"], threading.Barrier(n)).wait(60)
    yield whole(f"{n} have met\n".encode())


def drip(request):
    yield head([("Content-Length", "5")])
    for piece in (b"d", b"r", b"i", b"p", b"\n"):
        time.sleep(0.02)
        yield piece


def fields(request):
    """Says which fields it got, and answers with unusual ones."""
    got = "".join(f"{n}: {v}\n" for n, v in request.fields if n.lower().startswith("x-"))
    yield whole(
        got.encode("latin-1"),
        ("Set-Cookie", "a=1"), ("X-Beyond", "gr\xfc\xdfe \xff"), ("set-cookie", "b=2; Path=/"), ("X-Empty", ""), ("Set-Cookie", "a=3"),
    )  # fmt: skip


def random_bytes(request):
    yield whole(random.Random(request.query["seed"]).randbytes(int(request.query["bytes"])))


def status(request):
    code = int(request.query["code"])
    yield head([("Location", "/get")], code) if code == 204 else whole(b"", ("Location", "/get"), status=code)


def informed(request):
    yield b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + b"HTTP/1.1 100 Continue\r\n\r\n" + whole(b"after two interim responses\n")


def endless(request):
    """A body that ends with the connection, its head sent byte by byte."""
    for byte in b"HTTP/1.0 200 \r\nX-Slow:  spaces around \t \r\n\r\n":
        yield bytes([byte])
    yield b"until the end\n"


def longer(request):
    yield whole(b"as told") + b" and more"


def garbage(request):
    yield {"status": b"HTTP/1.1 OK\r\n\r\n", "field": b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "text": b"hello\r\n\r\n",
           "length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
           "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
           "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}[request.query["kind"]]  # fmt: skip


def many_fields(request):
    yield whole(b"", *[(f"X-{i}", "v" * 1000) for i in range(int(request.query["n"]))])


def trailers(request):
    """Says which trailers it got."""
    body, rest = request.body(), request.trailers
    yield whole(f"{len(body)} bytes, then {rest}\n".encode())


def early(request):
    """Answers before it has read the body."""
    yield whole(b"too large\n", status=413)
    request.body()


def close(request):
    """Takes the request and closes the connection."""
    yield b""


def missing(request):
    yield whole(b"no such path\n", status=404)


HANDLERS = {
    "/get": get, "/echo": echo, "/digest": digest, "/chunked": chunked, "/cut": cut, "/cut-chunk": cut_chunk, "/cut-head": cut_head,
    "/slow": slow, "/meet": meet, "/drip": drip, "/fields": fields, "/random": random_bytes, "/status": status, "/early": early, "/close": close,
    "/informed": informed, "/endless": endless, "/longer": longer, "/garbage": garbage, "/many-fields": many_fields, "/trailers": trailers,
}  # fmt: skip


class HTTP(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            request = Request(self.rfile)
            for piece in HANDLERS.get(request.path, missing)(request):
                self.connection.sendall(piece)
        except (ConnectionError, ValueError, threading.BrokenBarrierError):
            pass  # the guest went away, which is its right, or others did not come


class TCP(socketserver.BaseRequestHandler):
    """Sends back what it gets, in upper case, until the peer ends its side."""

    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data.upper())


class Reset(socketserver.BaseRequestHandler):
    """Sends a little and resets the connection."""

    def handle(self):
        self.request.recv(5)
        self.request.sendall(b"bye")
        time.sleep(0.05)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.close()


class UDP(socketserver.BaseRequestHandler):
    def handle(self):
        data, connection = self.request
        connection.sendto(data.upper(), self.client_address)


class ThreadingServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


class Servers:
    """The addresses http, tcp, udp and reset of four servers, and those of nobody: refused and unknown."""

    def __init__(self):
        address = ("127.0.0.1", 0)
        self.servers = [ThreadingServer(address, HTTP), ThreadingServer(address, TCP), socketserver.ThreadingUDPServer(address, UDP), ThreadingServer(address, Reset)]
        self.http, self.tcp, self.udp, self.reset = (f"127.0.0.1:{s.server_address[1]}" for s in self.servers)
        self.refused, self.unknown = refused(), "no-such-host.invalid:80"
        for server in self.servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self):
        for server in self.servers:
            server.shutdown()
            server.server_close()


def refused():
    """An address of this machine where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{s.getsockname()[1]}"
