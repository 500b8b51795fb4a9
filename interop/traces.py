"""Makes the traces that all readers must agree on: traces.py DIR."""

import json
import os
import pathlib
import subprocess
import sys

from tool import EXTENSION, ROOT, tracetool

# Recordings of the examples: name, exit code, module, stdin, flags and arguments.
RECORDINGS = [
    ("hello", 0, "hello/hello.wasm", b"Ada\n", []),
    ("hello-lz4", 0, "hello/hello.wasm", b"Ada\n", ["--compression", "lz4"]),
    ("hello-none", 0, "hello/hello.wasm", b"Ada\n", ["--compression", "none"]),
    ("cat", 0, "go-files/files.wasm", b"a line of text\n" * 9000, ["--", "cat"]),
    ("ls", 0, "go-files/files.wasm", b"", ["--dir", "{root}/examples::/:ro", "--", "ls", "/"]),
    ("write", 0, "go-files/files.wasm", b"", ["--dir", "{dir}::/data", "--full-text", "--", "write", "/data/note.txt", "größer", "🙂"]),
    ("missing", 1, "go-files/files.wasm", b"", ["--", "cat", "/none"]),
    ("fail", 3, "go-files/files.wasm", b"", ["--", "fail"]),
    ("panic", 2, "go-files/files.wasm", b"", ["--", "panic"]),
    ("report", 0, "rust-report/report.wasm", b"some words and some more\n", ["--dir", "{root}/examples::/data:ro", "--", "/data/README.md"]),
    ("trap", 134, "c-trap/trap.wasm", b"1\n2\n3\n", []),
    ("reactor", 0, "reactor/reactor.wasm", b"", ["--invoke", "add(1, 2)", "--invoke", "count"]),
]


def record(directory):
    for name, code, module, stdin, args in RECORDINGS:
        args = [a.format(root=ROOT, dir=directory) for a in args]
        flags, guest = (args[: args.index("--")], args[args.index("--") :]) if "--" in args else (args, [])
        trace = directory / (name + EXTENSION)
        tracetool("record", ROOT / "examples" / module, "-q", "-t", trace, *flags, *guest, code=code, input=stdin)
    subprocess.run([os.environ["PLUGIN"], "-t", directory / ("plugin" + EXTENSION)], check=True, capture_output=True)


def foreign_row(i):
    """A row of somebody else's log: nested, with nulls, absent keys and mixed types."""
    row = {"id": i, "big": 2**53 + i, "level": ["info", "warn", None][i % 3], "ratio": i / 7}
    row["http"] = {"path": f"/größe/{i}", "tags": ["a", None, "𝄞"][: i % 4], "client": {"ip": None if i % 5 else "::1"}} if i % 4 else None
    if i % 6 == 0:
        row["mixed"] = [i, "text", {"deep": [1, 2]}][i % 9 // 3]
    if i % 2:
        row["spans"] = [{"name": f"s{k}", "ms": k * 0.5} for k in range(i % 3)]
    return row


def convert(directory):
    rows = [foreign_row(i) for i in range(3000)]
    jsonl, array = directory / "foreign.jsonl", directory / "array.json"
    jsonl.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows))
    array.write_text(json.dumps(rows[:50]))
    tracetool("convert", jsonl, directory / ("foreign" + EXTENSION))
    tracetool("convert", array, directory / ("array" + EXTENSION))

    text = directory / "hello.jsonl"
    tracetool("convert", directory / ("hello" + EXTENSION), text)
    tracetool("convert", text, directory / ("hello-again" + EXTENSION))
    tracetool("filter", directory / ("report" + EXTENSION), directory / ("filtered" + EXTENSION), "-F", "fd_*")
    tracetool("merge", *(directory / (n + EXTENSION) for n in ("hello", "ls")), "-t", directory / ("merged" + EXTENSION))


if __name__ == "__main__":
    target = pathlib.Path(sys.argv[1])
    target.mkdir(parents=True)
    subprocess.run([os.environ["GENERATE"], target], check=True)
    record(target)
    convert(target)
