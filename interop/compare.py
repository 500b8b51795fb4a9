"""Opens each trace with each reader and compares what they find with ours: compare.py DIR.

README.md defines the digest that is compared.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import traceback

from readers import READERS
from tool import EXTENSION, fail, rowhash


def javascript(paths):
    """Digests by apache-arrow: (path, reader, digest or error)."""
    script = os.environ["NODE_READERS"]
    done = subprocess.run(["node", script, *paths], capture_output=True, text=True)
    if done.returncode != 0:
        fail(done.stderr)
    for d in map(json.loads, done.stdout.splitlines()):
        path, reader = d.pop("file"), d.pop("reader")
        if "sums" in d:
            d["sums"] = {k: int(v) for k, v in d["sums"].items()}
        yield path, reader, d


def python(paths):
    for path in paths:
        for name, read in READERS.items():
            try:
                digest = read(path)
            except Exception:
                digest = {"error": traceback.format_exc()}
            yield path, name, digest


def differences(got, want):
    if "error" in got:
        return [got["error"]]
    lines = [f"{key}: {got[key]}, want {want[key]}" for key in ("rows", "hash") if got[key] != want[key]]
    for key in ("sums", "nulls"):
        for column in want[key].keys() | got[key].keys():
            a, b = got[key].get(column), want[key].get(column)
            if a != b:
                lines.append(f"{key} of {column}: {a}, want {b}")
    return lines


def check_digests(want):
    """The digest itself tells tables apart, and does not depend on the codec."""
    hashes = {pathlib.Path(p).name.removesuffix(EXTENSION): d["hash"] for p, d in want.items()}
    for same in (["zstd", "lz4", "none"], ["table-zstd", "table-lz4", "table-none"], ["hello", "hello-again"]):
        if len({hashes.pop(name) for name in same[1:]} | {hashes[same[0]]}) != 1:
            fail(f"digests of {same} differ")
    if len(set(hashes.values())) != len(hashes):
        fail("digests of different tables are equal")


def main():
    paths = [str(p) for p in sorted(pathlib.Path(sys.argv[1]).glob("*" + EXTENSION))]
    want = rowhash(paths)
    check_digests(want)
    files, failures = collections.Counter(), 0
    for results in (python(paths), javascript(paths)):
        for path, reader, got in results:
            files[reader] += 1
            for line in differences(got, want[path]):
                failures += 1
                print(f"{path}: {reader}: {line}")
    rows = sum(d["rows"] for d in want.values())
    for reader, count in files.items():
        if count != len(paths):
            fail(f"{reader} read {count} files of {len(paths)}")
        print(f"{reader:22} {count} files, {rows} rows")
    if failures:
        fail(f"{failures} differences")


if __name__ == "__main__":
    main()
