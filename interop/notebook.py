"""Executes the example notebook on a recording of its own: notebook.py DIR. Any exception in a cell fails."""

import os
import pathlib
import sys

import nbclient
import nbformat

from tool import EXTENSION, ROOT, fail, tracetool

NOTEBOOK = ROOT / "examples" / "notebook" / "trace.ipynb"
EXAMPLES = ROOT / "examples"


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir()
    trace = directory / ("files" + EXTENSION)
    arguments = ["--dir", f"{EXAMPLES}::/", "--", "cat", "/README.md", "/go-files/main.go", "/build.sh", "/missing.txt"]
    tracetool("record", EXAMPLES / "go-files" / "files.wasm", "-t", trace, *arguments, code=1)
    os.environ["TRACE"] = str(trace.resolve())
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, record_timing=False, resources={"metadata": {"path": str(directory)}}).execute()
    shown = [o for c in notebook.cells for o in c.get("outputs", [])]
    text = "".join(o.get("text", "") + o.get("data", {}).get("text/plain", "") for o in shown)
    for expected in ("path_open", "README.md", "missing.txt", "44"):
        if expected not in text:
            fail(f"the notebook does not show {expected!r}")
    nbformat.write(notebook, directory / NOTEBOOK.name)
    print(f"{NOTEBOOK.name}: {len(notebook.cells)} cells, {len(shown)} outputs")


if __name__ == "__main__":
    main()
