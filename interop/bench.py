"""The same group-by on a trace and on its rows as JSONL, in polars and duckdb: bench.py DIR.

It prints how many times faster the trace is, compressed as it is by default and
not at all, the goal being 20; only different results fail. Opening the file is
part of what is timed, duckdb's start is not.
"""

import pathlib
import sys
import time

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset

from tool import EXTENSION, ROOT, fail, tracetool

ROUNDS = 5


def polars_query(frame):
    out = frame.group_by("function").agg(
        pl.len().alias("calls"), pl.col("duration_ns").sum().alias("total"), pl.col("duration_ns").max().alias("max")
    )
    rows = out.with_columns(pl.col("function").cast(pl.String)).collect().rows()
    return normal(rows)


def normal(rows):
    """Rows in one order; a sum of nothing is 0 in polars and null in duckdb."""
    return sorted((name or "", int(calls), int(total or 0), int(top or 0)) for name, calls, total, top in rows)


def duckdb_query(source):
    query = f"select function, count(*), sum(duration_ns), max(duration_ns) from {source} group by function"
    return normal(duckdb.execute(query).fetchall())


def duckdb_trace(path):
    duckdb.register("trace", pa.dataset.dataset(path, format="ipc"))
    return duckdb_query("trace")


QUERIES = {
    "polars": (
        lambda trace: polars_query(pl.scan_ipc(trace)),
        lambda jsonl: polars_query(pl.scan_ndjson(jsonl, schema_overrides={"value": pl.String})),
    ),
    "duckdb": (
        duckdb_trace,
        lambda jsonl: duckdb_query(f"read_json('{jsonl}', format = 'newline_delimited')"),
    ),
}


def best(query, path):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        result = query(str(path))
        times.append(time.perf_counter() - start)
    return min(times), result


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir()
    trace, plain, jsonl = (directory / name for name in ("zstd" + EXTENSION, "none" + EXTENSION, "rows.jsonl"))
    tracetool("record", ROOT / "bench" / "guest" / "mixed.wasm", "-t", trace, "--dir", f"{directory}::.")
    tracetool("convert", "--compression", "none", trace, plain)
    tracetool("convert", "--plain", trace, jsonl)
    for tool, (on_trace, on_jsonl) in QUERIES.items():
        slow, want = best(on_jsonl, jsonl)
        print(f"{tool}: {slow * 1e3:.0f} ms on {jsonl.stat().st_size / 1e6:.1f} MB of JSONL")
        for path in (trace, plain):
            fast, got = best(on_trace, path)
            if got != want:
                fail(f"{tool}: {got} on {path}, {want} on JSONL")
            print(f"{tool}: {fast * 1e3:.1f} ms on {path.name}, {path.stat().st_size / 1e6:.1f} MB: {slow / fast:.0f} times faster")


if __name__ == "__main__":
    main()
