"""Every way in which Python's common tools read a trace, as a file and as a stream.

Each reader takes a path and returns a digest; the sums and nulls in it come
from the tool's own arithmetic.
"""

import io

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute
import pyarrow.dataset
import pyarrow.feather

from digest import digest

STREAM_OFFSET = 8  # a trace is an Arrow stream from there on


def stream_bytes(path):
    with open(path, "rb") as f:
        f.seek(STREAM_OFFSET)
        return io.BytesIO(f.read())


def integer_columns(schema):
    return [f.name for f in schema if pa.types.is_integer(f.type)]


def digest_arrow(table):
    columns = dict(zip(table.column_names, table.columns))
    return digest(
        table,
        {n: pa.compute.sum(columns[n]).as_py() for n in integer_columns(table.schema)},
        {n: c.null_count for n, c in columns.items()},
    )


def digest_pandas(df):
    table = pa.Table.from_pandas(df, preserve_index=False)
    return digest(table, {n: df[n].sum() for n in integer_columns(table.schema)}, df.isna().sum())


def digest_polars(df):
    integers = [n for n, t in df.schema.items() if t.is_integer()]
    sums = df.select(pl.col(integers).cast(pl.Int128).sum()).row(0, named=True) if integers else {}
    return digest(df.to_arrow(), sums, df.null_count().row(0, named=True))


def digest_duckdb(source):
    """source is a table or a scanner; duckdb finds it under its name."""
    con = duckdb.connect()
    con.register("trace", source)
    con.execute("create table t as select * from trace")
    table = con.sql("select * from t").to_arrow_table()

    def aggregate(function, names):
        if not names:
            return {}
        columns = ", ".join(f'{function.format(f"{chr(34)}{n}{chr(34)}")}' for n in names)
        return dict(zip(names, con.execute(f"select {columns} from t").fetchone()))

    sums = aggregate("sum({}::hugeint)", integer_columns(table.schema))
    return digest(table, sums, aggregate("count(*) - count({})", table.column_names))


def pandas_arrow(table):
    return table.to_pandas(types_mapper=pd.ArrowDtype)


READERS = {
    "pyarrow file": lambda p: digest_arrow(pa.ipc.open_file(p).read_all()),
    "pyarrow memory map": lambda p: digest_arrow(pa.ipc.open_file(pa.memory_map(p)).read_all()),
    "pyarrow dataset": lambda p: digest_arrow(pa.dataset.dataset(p, format="ipc").to_table()),
    "pyarrow stream": lambda p: digest_arrow(pa.ipc.open_stream(stream_bytes(p)).read_all()),
    "pandas file": lambda p: digest_pandas(pd.read_feather(p, dtype_backend="pyarrow")),
    "pandas stream": lambda p: digest_pandas(pandas_arrow(pa.ipc.open_stream(stream_bytes(p)).read_all())),
    "polars file": lambda p: digest_polars(pl.read_ipc(p)),
    "polars scan": lambda p: digest_polars(pl.scan_ipc(p).collect()),
    "polars stream": lambda p: digest_polars(pl.read_ipc_stream(stream_bytes(p))),
    "duckdb file": lambda p: digest_duckdb(pa.dataset.dataset(p, format="ipc")),
    "duckdb stream": lambda p: digest_duckdb(pa.ipc.open_stream(stream_bytes(p))),
}
