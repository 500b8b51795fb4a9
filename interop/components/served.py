"""The row serve: a component answers the requests of rows.REQUESTS.

They are one trace, each a task of it. What a client got is what want/ has, and what the
trace says that was sent. Beside what all rows are replayed for, each task is by itself.
"""

import base64
import concurrent.futures
import contextlib
import hashlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import check
import rows
import server
from tool import tracetool

NOTES = rb"(?m)^(serving on |recorded |(GET|POST|HEAD) /\S*: ).*\n"  # of tracetool, between the guests' lines
SHOWN = ("set-cookie", "content-type", "trailer", "x-")  # and no fields that differ from day to day


class Answer:
    """What a client got for a request, or what the trace has of it."""

    def __init__(self, status, fields, body, cut, trailers=()):
        self.status, self.body, self.cut, self.trailers = status, body, cut, trailers
        self.fields = sorted((f for f in fields if f[0].lower().startswith(SHOWN)), key=lambda f: f[0].lower())

    def compared(self):
        """What the trace has as the client got it: the host may write names of fields otherwise."""
        return self.status, [(name.lower(), value) for name, value in self.fields], self.body, self.cut

    def __str__(self):
        body = ascii(self.body.decode("latin-1")) if len(self.body) < 200 else f"{len(self.body)} bytes, sha256 {hashlib.sha256(self.body).hexdigest()[:16]}"
        lines = [str(self.status), *(f"{name}: {value}" for name, value in self.fields), body, *self.trailers, *["cut"] * self.cut]
        return "".join(f"<{line}\n" for line in lines)


def receive(file, request):
    """Reads a response, which may be cut."""
    response = server.Message(file)
    body, cut = bytearray(), False
    try:
        for piece in response.pieces() if request.method != "HEAD" else ():
            body += piece
    except ValueError:
        cut = True
    return Answer(int(response.line[1]), response.fields, body, cut, response.trailers)


def send(connection, head, request):
    chunked = isinstance(request.body, tuple)
    with contextlib.suppress(ConnectionError):  # it was answered before all of it was read
        connection.sendall(head)
        for piece in request.body if chunked else (request.body,):
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            time.sleep(0.01)
        if chunked:
            connection.sendall(b"0\r\nX-After: the body\r\n\r\n")


def ask(address, path, request):
    """Sends a request as it is written in rows, and returns the answer, or None if it leaves."""
    fields = [("Host", address), ("Connection", "close"), *request.fields]
    if isinstance(request.body, tuple):
        fields.append(("Transfer-Encoding", "chunked"))
    elif request.method == "POST":
        fields.append(("Content-Length", str(len(request.body) + 1000 * request.leaves)))
    head = "\r\n".join([f"{request.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]).encode("latin-1")
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=100) as connection:
        if request.leaves:
            send(connection, head, request)
            connection.shutdown(socket.SHUT_WR)  # a close resets the connection, if something has come by then
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
            return None
        sender = threading.Thread(target=send, args=(connection, head, request))  # an echo comes while it sends
        sender.start()
        with connection.makefile("rb") as file:
            answer = receive(file, request)
        sender.join()
        return answer


def requests(case):
    return [r for r in rows.REQUESTS if case.language in r.languages]


def record(matrix, case, servers):
    case.folder.mkdir()
    paths = [case.folder / stream for stream in ("stdout", "stderr")]
    program = matrix.programs / (case.language + "-server.wasm")
    command = ["serve", "--addr", "127.0.0.1:0", "-t", case.trace, "--engine", case.engine, *matrix.common[1:], *case.row.flags(servers), program]
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(path, "wb")) for path in paths]
        process = subprocess.Popen([os.environ["TRACETOOL"], *map(str, command)], stdout=files[0], stderr=files[1])
    answers = []
    try:
        answers = ask_all(case, address(process, paths[1]), servers)
    except (OSError, ValueError, IndexError) as error:
        case.problems.append(f"{type(error).__name__}: {error}")
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except subprocess.TimeoutExpired:
        case.problems.append("SIGTERM does not end it")
        process.kill()
        process.wait()
    case.seconds["serve"] = time.monotonic() - start
    stdout, stderr = (path.read_bytes() for path in paths)
    if process.returncode != 0 or b"\nrecorded " not in stderr:
        case.problems.append(f"exit code {process.returncode}")
    if case.problems:
        case.problems.append(check.text(stderr))
    case.recorded = subprocess.CompletedProcess(command, process.returncode, stdout, re.sub(NOTES, b"", stderr))
    if answers:
        compare_answers(case, answers)


def address(process, stderr):
    """Where it serves, as it says when it does."""
    for _ in range(6000):
        said = re.search(r"^serving on http://(\S+);", stderr.read_text(errors="replace"), re.M)
        if said:
            return said[1]
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise ValueError("it does not say where it serves")


def ask_all(case, address, servers):
    """The answers to each request, as many as times it is sent at once."""

    def ask_one(request):
        path = request.path.replace("HTTP", servers.http).replace("LANGUAGE", f"{case.language}-{case.engine}")
        return ask(address, path, request)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return [list(pool.map(ask_one, [r] * r.times)) for r in requests(case)]


def compare_answers(case, answers):
    """Compares the answers with the trace, and keeps them for want/."""
    har = case.folder / "run.har"
    tracetool("convert", "-q", case.trace, har)
    entries = [e for e in json.loads(har.read_text())["log"]["entries"] if e["_role"] == "server"]
    entries = iter(sorted(entries, key=lambda e: e["startedDateTime"]))
    for request, got in zip(requests(case), answers):
        kept = list(itertools.islice(entries, request.times))
        texts = {f"{answer or ''}{error(entry)}" for answer, entry in zip(got, kept, strict=True)}
        if len(texts) > 1:
            case.problems.append(f"{request.name}: different answers: {texts}")
        for answer, entry in zip(got, kept):
            compare_answer(case, request, answer, entry)
        text = texts.pop()
        case.said[f"serve {request.name}"] = check.masked(text.encode()).decode() if request.varies else text
    if next(entries, None):
        case.problems.append("more requests in the trace than were sent")


def error(entry):
    return f"<({entry['_error']})\n" if "_error" in entry else ""


def compare_answer(case, request, answer, entry):
    response = entry["response"]
    if not answer or response["status"] == 0:  # where the component does not answer, the host does
        return
    content = response["content"].get("text", "")
    body = base64.b64decode(content) if "encoding" in response["content"] else content.encode()
    if request.method == "HEAD":  # the host leaves out what the component sent
        body = b""
    kept = Answer(response["status"], [(f["name"], f["value"]) for f in response["headers"]], body, "_error" in entry)
    if kept.compared() != answer.compared():
        case.problems.append(f"{request.name}: the trace has\n{kept}the client got\n{answer}")


def replay_tasks(matrix, case, isolated):
    """Replays each task by itself. What they print together is what was printed."""
    stdout, stderr, task = b"", b"", 0
    for request in requests(case):
        said = set()
        for _ in range(request.times):
            done = matrix.replay_alone(case, case.trace, case.engine, "tasks", isolated, "--task", task)
            stdout, stderr, task = stdout + done.stdout, stderr + done.stderr, task + 1
            said.add(check.said(done, request.varies))
        if len(said) > 1:
            case.problems.append(f"{request.name}: tasks differ: {said}")
        case.said[f"serve {request.name}"] = case.said.get(f"serve {request.name}", "") + said.pop()
    stderr = re.sub(rb"(?m)^(trap: |    ).*\n", b"", stderr)  # which serve tells in a note
    if (stdout, stderr) != (case.recorded.stdout, case.recorded.stderr):
        case.problems.append(f"all tasks print {check.text(stdout)}\n{check.text(stderr)}\nrecorded: {check.text(case.recorded.stdout)}\n{check.text(case.recorded.stderr)}")
