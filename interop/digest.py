"""The digest that readers of one table are compared by, as README.md defines it."""

import hashlib
import itertools
import struct

import pyarrow as pa
import pyarrow.compute

MASK = 2**64


def wrap(n):
    """n modulo 2^64, as a signed number."""
    n = int(n) % MASK
    return n - MASK if n >= MASK // 2 else n


def encode_bytes(v):
    return "x" + (v.encode() if isinstance(v, str) else bytes(v)).hex()


def encoded(array):
    """Canonical forms of an Arrow array's values."""
    t = array.type
    if isinstance(array, pa.ExtensionArray):
        return encoded(array.storage)
    if pa.types.is_null(t):
        return ["null"] * len(array)
    if pa.types.is_dictionary(t):
        return encoded(array.dictionary_decode())
    if pa.types.is_timestamp(t):
        if t.unit != "ns":
            raise TypeError(f"{t}: precision is lost")
        return encoded(array.cast(pa.int64()))
    if pa.types.is_integer(t):
        return ["null" if v is None else str(v) for v in array.to_pylist()]
    if pa.types.is_boolean(t):
        return [{None: "null", True: "true", False: "false"}[v] for v in array.to_pylist()]
    if pa.types.is_floating(t):
        return ["null" if v is None else f"f{struct.pack('>d', v).hex()}" for v in array.to_pylist()]
    if pa.types.is_struct(t):
        return encoded_structs(array)
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return encoded_lists(array)
    return ["null" if v is None else encode_bytes(v) for v in array.to_pylist()]


def encoded_structs(array):
    # flatten gives each field the nulls of its parent, too.
    rows = zip(*(encoded(child) for child in array.flatten()))
    valid = array.is_valid().to_pylist()
    return ["{" + "".join(v + ";" for v in row) + "}" if ok else "null" for row, ok in zip(rows, valid)]


def encoded_lists(array):
    items = iter(encoded(array.flatten()))  # those of null lists are left out
    return [
        "null" if n is None else "(" + "".join(v + ";" for v in itertools.islice(items, n)) + ")"
        for n in pa.compute.list_value_length(array).to_pylist()
    ]


def digest(table, sums, nulls):
    """Digests a pyarrow.Table; sums and nulls are those that the reader itself counts."""
    sha = hashlib.sha256()
    sha.update(("[" + ",".join(encode_bytes(n) for n in table.column_names) + "]\n").encode())
    for batch in table.to_batches():
        for row in zip(*(encoded(column) for column in batch.columns)):
            sha.update(("[" + ",".join(row) + "]\n").encode())
    return {
        "rows": table.num_rows,
        "nulls": {k: int(v) for k, v in nulls.items()},
        "sums": {k: wrap(v or 0) for k, v in sums.items()},
        "hash": sha.hexdigest(),
    }
