"""The same group-bys on a trace and on its rows as JSONL, in polars and duckdb: bench.py DIR [EVENTS].

It prints how many times faster the trace is, compressed as it is by default and
not at all, the goal being 20; only different results fail. Opening the file is
part of what is timed, duckdb's start is not. The default is 3,000,000 events.

Times are medians of rounds in which JSONL and traces take turns. The processor
time of all threads, beside them, says the same where others use the machine.
"""

import pathlib
import statistics
import sys
import time

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset

from tool import EXTENSION, ROOT, fail, tracetool

ROUNDS = 5


# What is asked of each function: in SQL and of polars.
AGGREGATES = {
    "count": ("count(*)", pl.len()),
    "sum": ("sum(duration_ns)", pl.col("duration_ns").sum()),
    "max": ("max(duration_ns)", pl.col("duration_ns").max().alias("max")),
}
GROUP_BYS = [("count",), ("count", "sum"), ("count", "sum", "max")]


def normal(rows):
    """Rows in one order; a sum of nothing is 0 in polars and null in duckdb."""
    return sorted((name or "", *(int(n or 0) for n in numbers)) for name, *numbers in rows)


def polars_query(frame, names):
    out = frame.group_by("function").agg(AGGREGATES[name][1] for name in names)
    return normal(out.with_columns(pl.col("function").cast(pl.String)).collect().rows())


def duckdb_query(source, names):
    aggregates = ", ".join(AGGREGATES[name][0] for name in names)
    return normal(duckdb.execute(f"select function, {aggregates} from {source} group by function").fetchall())


def duckdb_trace(path, names):
    duckdb.register("trace", pa.dataset.dataset(path, format="ipc"))
    return duckdb_query("trace", names)


# Each asks a trace, and JSONL.
TOOLS = {
    "polars": (
        lambda trace, names: polars_query(pl.scan_ipc(trace), names),
        lambda jsonl, names: polars_query(pl.scan_ndjson(jsonl, schema_overrides={"value": pl.String}), names),
    ),
    "duckdb": (
        duckdb_trace,
        lambda jsonl, names: duckdb_query(f"read_json('{jsonl}', format = 'newline_delimited')", names),
    ),
}


def measure(names, runs):
    """The median seconds, of the clock and of the processor, and the result of each query on its path."""
    elapsed, used, results = ([[] for _ in runs] for _ in range(3))
    for _ in range(ROUNDS):
        for i, (query, path) in enumerate(runs):
            start, cpu = time.perf_counter(), time.process_time()
            results[i] = query(str(path), names)
            elapsed[i].append(time.perf_counter() - start)
            used[i].append(time.process_time() - cpu)
    return [(statistics.median(e), statistics.median(u), r) for e, u, r in zip(elapsed, used, results)]


def main():
    directory = pathlib.Path(sys.argv[1])
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 3_000_000
    directory.mkdir()
    trace, plain, jsonl = (directory / name for name in ("zstd" + EXTENSION, "none" + EXTENSION, "rows.jsonl"))
    tracetool("record", ROOT / "bench" / "guest" / "mixed.wasm", "-t", trace, "--dir", f"{directory}::.", "--", str(events // 5))
    tracetool("convert", "--compression", "none", trace, plain)
    tracetool("convert", "--plain", trace, jsonl)
    for tool, (on_trace, on_jsonl) in TOOLS.items():
        for names in GROUP_BYS:
            what = f"{tool}, {' '.join(names)}"
            slow, *fast = measure(names, [(on_jsonl, jsonl), (on_trace, trace), (on_trace, plain)])
            print(f"{what}: {slow[0] * 1e3:.0f} ms ({slow[1] * 1e3:.0f} of processor time) on {jsonl.stat().st_size / 1e6:.1f} MB of JSONL")
            for path, (elapsed, used, got) in zip((trace, plain), fast):
                if got != slow[2]:
                    fail(f"{what}: {got} on {path}, {slow[2]} on JSONL")
                print(
                    f"{what}: {elapsed * 1e3:.1f} ms ({used * 1e3:.1f}) on {path.name}, {path.stat().st_size / 1e6:.1f} MB: "
                    f"{slow[0] / elapsed:.0f} times faster, {slow[1] / used:.0f} by processor time"
                )


if __name__ == "__main__":
    main()
