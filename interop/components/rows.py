"""The rows of the matrix: what each program is asked to do, in which languages, and what it is given."""

import dataclasses
import random

ALL = ("rust", "javascript", "python", "c", "go")
HTTP = ("rust", "javascript", "python")
SOCKETS = ("rust", "python", "c")  # componentize-js 0.23 loses the class of wasi:sockets/network
RUST = ("rust",)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    languages: tuple = RUST
    given: tuple = ()  # flags
    stdin: object = b""  # bytes, or several that come one after the other
    net: str = ""  # of Servers, allowed to sockets and the program's argument
    http: str = ""  # of Servers, allowed to requests and the program's argument
    varies: bool = False  # numbers in the output differ from run to run
    crosses: bool = True  # one engine replays what another recorded
    serves: bool = False  # answers REQUESTS

    def flags(self, servers):
        flags = list(self.given)
        if self.net:
            flags.append("--allow-net=" + getattr(servers, self.net))
        if self.http:
            flags.append("--allow-http=" + getattr(servers, self.http))
        return flags

    def arguments(self, servers):
        return [self.name, *(getattr(servers, a) for a in (self.net, self.http) if a)]


LINES = b"one\ntwo\n" + "dr\u00fcben\n".encode() + b"enough\nthis is left\n" + b"x" * 100_000
WHOLE = bytes(range(256)) * 1000

ROWS = [
    Row("clocks", ALL, varies=True),
    Row("random", ALL, varies=True),
    Row("environment", ALL, ("--env", "GIVEN", "--env", "SET=gr\u00fc\u00dfe \U0001f600", "--cwd", "/work")),
    Row("lines", ALL, stdin=LINES),
    Row("whole", ALL, stdin=WHOLE),
    Row("pauses", stdin=(b"one\n", b"two\n", b"three"), varies=True),
    Row("links", given=("--dir", "data")),
    Row("files", ALL, ("--dir", "data::/data", "--env", "PWD=/"), varies=True),
    Row("panic", ALL),
    Row("trap", ("rust", "c")),
    Row("memory", ALL, ("--max-memory", "64MiB")),
    Row("bounds", ("rust", "c")),
    Row("overflow", ("rust", "c"), crosses=False),
    Row("exit", ALL),
    Row("fail", RUST),
    Row("tcp", SOCKETS, net="tcp"),
    Row("tcp-listen", given=("--allow-net", "--listen", "127.0.0.1:0")),
    Row("tcp-refused", ("rust", "c"), net="refused"),
    Row("tcp-reset", net="reset"),
    Row("tcp-wait", given=("--allow-net", "--listen", "127.0.0.1:0"), net="tcp"),
    Row("udp", SOCKETS, given=("--allow-net",), net="udp"),
    Row("lookup", given=("--allow-net",)),
    Row("get", ALL, http="http"),
    Row("methods", http="http"),
    Row("post-before", (*HTTP, "c"), http="http"),
    Row("post-after", ALL, http="http"),
    Row("four", ALL, http="http"),
    Row("together", HTTP, http="http", varies=True),
    Row("chunked", ALL, http="http"),
    Row("unusual", http="http"),
    Row("garbage", http="http"),
    Row("trailers", http="http"),
    Row("cut", ALL, http="http"),
    Row("refused", ALL, http="refused"),
    Row("unknown", ALL, http="unknown"),
    Row("fields", ALL, http="http"),
    Row("large-up", http="http"),
    Row("large-down", http="http"),
    Row("large", (*HTTP, "go"), http="http"),
    Row("forward", HTTP, http="http"),
    Row("early", http="http"),
    Row("abandon", http="http"),
    Row("timeout", http="http"),
    Row("race", HTTP, http="http"),
    Row("race-close", HTTP, http="http", varies=True),
    Row("serve", ALL, http="http", serves=True),
]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a served component is asked. Each is a task of the trace."""

    name: str
    path: str
    languages: tuple = ALL
    method: str = "GET"
    fields: tuple = ()
    body: object = b""  # bytes, or several that are sent in chunks, and a trailer after them
    times: int = 1  # at once
    leaves: bool = False  # the client, with 1000 bytes of the body left to send
    varies: bool = False  # numbers in the answer differ from run to run


FIELDS = (("X-B", "1"), ("x-a", "gr\xfc\xdfe \xff"), ("x-b", "2"), ("X-Empty", ""))
LARGE = random.Random(7).randbytes(10 << 20)
PIECES = (b"first,", b"second, longer than the first,", b"x" * 10_000, b"last")

REQUESTS = [
    Request("get", "/get?a=1&b=two%20words"),
    Request("head", "/get", method="HEAD"),
    Request("missing", "/nowhere"),
    Request("empty", "/empty"),
    Request("fields", "/fields", fields=FIELDS),
    Request("post", "/echo", method="POST", body=b"a short body, sent once"),
    Request("post-empty", "/echo", method="POST"),
    Request("post-large", "/echo", method="POST", body=LARGE),
    Request("post-chunked", "/echo", method="POST", body=PIECES),
    Request("trailers", "/digest", method="POST", body=PIECES),
    Request("unread", "/get", method="POST", body=b"y" * 100_000),
    Request("pieces", "/pieces"),
    Request("vary", "/vary", varies=True),
    Request("print", "/print"),
    Request("four", "/meet?http://HTTP/meet?n=4&who=LANGUAGE", times=4),
    Request("trap", "/trap"),
    Request("after-trap", "/get"),
    Request("cut", "/cut"),
    Request("none", "/none", ("rust", "python", "c", "go")),
    Request("error", "/error", ("rust", "python")),
    Request("leaves", "/echo", method="POST", body=b"a part of", leaves=True),
]
