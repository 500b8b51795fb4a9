"""pyarrow reads recordings in progress, and what a killed recorder leaves: live.py DIR.

A program echoes numbered lines, one call to read and one to write each. While
it runs, its trace is opened again and again. Then recorders are killed at
random instants, and no echo that was answered may be missing.
"""

import os
import pathlib
import random
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.compute as pc

from tool import EXTENSION, ROOT, fail, tracetool

WATCHED_SECONDS = 3
KILLS = 20
PROGRAM = ROOT / "examples" / "go-files" / "files.wasm"


def line(n):
    return b"line %08d of an endless input\n" % n


class Recording:
    def __init__(self, trace):
        self.trace, self.echoed = trace, 0
        self.process = subprocess.Popen(
            [os.environ["TRACETOOL"], "record", PROGRAM, "-q", "-f", "-t", trace, "--seal-interval", "5ms", "--", "cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    def echo(self):
        """Sends a line and waits until the program has written it."""
        want = line(self.echoed)
        self.process.stdin.write(want)
        got = b""
        while len(got) < len(want):
            part = self.process.stdout.read(len(want) - len(got))
            if not part:
                fail(f"recorder ended with {self.process.wait()}")
            got += part
        if got != want:
            fail(f"echo {got!r}, want {want!r}")
        self.echoed += 1

    def echo_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.echo()


def written(trace):
    """The text that the program wrote, according to a trace read by pyarrow."""
    table = pa.ipc.open_file(trace).read_all()
    writes = table.filter(pc.and_kleene(pc.equal(table["function"], "fd_write"), pc.equal(table["p0"], 1)))
    return b"".join(writes["input"].to_pylist()), table.num_rows


def check_lines(trace, text, at_least, at_most):
    n = text.count(b"\n")
    if text != b"".join(map(line, range(n))):
        fail(f"{trace}: other lines than those written")
    if not at_least <= n <= at_most:
        fail(f"{trace}: {n} lines, want {at_least} to {at_most}")


def open_watched(trace):
    """Opens a file that may be written to at this instant: (result, attempts)."""
    for attempt in range(1, 6):
        try:
            return written(trace), attempt
        except (pa.ArrowInvalid, OSError) as error:
            problem = error
            time.sleep(0.001)
    fail(f"{trace}: pyarrow cannot open it while it is recorded: {problem}")


def watch(directory):
    trace = directory / ("watched" + EXTENSION)
    r = Recording(trace)
    r.echo()
    opened = again = seen = 0
    end = time.monotonic() + WATCHED_SECONDS
    while time.monotonic() < end:
        r.echo_for(0.005)
        (text, rows), attempts = open_watched(trace)
        check_lines(trace, text, 0, r.echoed)
        if rows < seen:
            fail(f"{trace}: {rows} rows after {seen}")
        opened, again, seen = opened + 1, again + attempts - 1, rows
    r.process.stdin.close()
    if code := r.process.wait():
        fail(f"recorder exited with {code}")
    if seen == 0:
        fail(f"{trace}: no rows were seen while it was recorded")
    text, rows = written(trace)
    check_lines(trace, text, r.echoed, r.echoed)
    print(f"live: opened {opened} times ({again} second attempts), {seen} of {rows} rows seen before the end")


def kill(directory, number):
    """Kills a recorder at a random instant; returns whether pyarrow opens what it left as it is."""
    trace = directory / f"killed-{number}{EXTENSION}"
    saved = directory / f"saved-{number}{EXTENSION}"
    r = Recording(trace)
    r.echo()
    r.echo_for(random.random() * 0.25)
    r.process.kill()
    r.process.wait()
    r.process.stdin.close()
    try:
        check_lines(trace, written(trace)[0], 0, r.echoed)
        opened = True
    except (pa.ArrowInvalid, OSError):
        opened = False
    tracetool("recover", trace, saved)
    tracetool("verify", saved)
    # The last echo may have been answered without having returned to the program.
    check_lines(saved, written(saved)[0], r.echoed - 1, r.echoed)
    return opened, r.echoed


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir()
    watch(directory)
    results = [kill(directory, n) for n in range(KILLS)]
    opened, echoed = sum(o for o, _ in results), sum(e for _, e in results)
    print(f"killed: {KILLS} recorders, {echoed} lines, none lost; pyarrow opened {opened} traces as they were left, all as recovered")


if __name__ == "__main__":
    main()
