"""Arrow files that are not traces are refused: exit code 5, one clear line, nothing created. foreign.py DIR."""

import pathlib
import sys

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from tool import fail, tracetool

COMMANDS = [["inspect"], ["verify"], ["cat"], ["convert", "{out}.jsonl"], ["replay", "--exit-code", "tool"], ["filter", "{out}.trace.arrow"]]


def write_all(directory):
    """Files as others write them; the last holds the very columns of an event table."""
    table = pa.table({"id": [1, 2, 3], "name": ["a", "b", None]})
    with pa.ipc.new_file(directory / "pyarrow.arrow", table.schema) as w:
        w.write(table)
    with pa.ipc.new_stream(directory / "pyarrow-stream.arrow", table.schema) as w:
        w.write(table)
    pa.feather.write_feather(table, directory / "feather.arrow", compression="zstd")
    pa.parquet.write_table(table, directory / "table.parquet")
    pl.from_arrow(table).write_ipc(directory / "polars.arrow", compression="lz4")
    pl.from_arrow(table).write_ipc_stream(directory / "polars-stream.arrow")
    trace = pa.ipc.open_file(directory.parent / "traces" / "hello.trace.arrow").read_all()
    pa.feather.write_feather(trace, directory / "copied-rows.arrow")


def check(path, command):
    out = path.with_suffix("")
    args = [command[0], path, *(a.format(out=out) for a in command[1:])]
    before = sorted(path.parent.iterdir())
    done = tracetool(*args, code=5)
    lines = done.stderr.decode().strip().splitlines()
    if not lines or str(path) not in lines[0] or len(lines) > 2:
        fail(f"{' '.join(map(str, args))}: want one line that names the file, have {lines}")
    if done.stdout:
        fail(f"{args}: printed {done.stdout[:200]}")
    if sorted(path.parent.iterdir()) != before:
        fail(f"{args}: left files behind")
    return lines[0]


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir()
    write_all(directory)
    for path in sorted(directory.iterdir()):
        lines = {check(path, command) for command in COMMANDS}
        print(*sorted(lines), sep="\n")


if __name__ == "__main__":
    main()
