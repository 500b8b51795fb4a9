"""Records real programs and replays them without anything of theirs: check.py PROGRAMS DIR.

PROGRAMS is what build made. Each run is recorded, its files are deleted, and it is
replayed from an empty directory that cannot be written to, without stdin and
environment: as it is, and after a conversion to JSONL and back.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from tool import EXTENSION, fail, tracetool


def stdin_of(run, folder):
    return (folder / run["stdin"]).read_bytes() if run["stdin"] else b""


def record(run, folder, program, trace):
    """Records a run in its folder; returns what the program printed."""
    flags = [a for d in run["dirs"] for a in ("--dir", d)] + [a for e in run["env"] for a in ("--env", e)]
    done = tracetool(
        "record", folder / (program + ".wasm"), "-q", "--cache", os.environ["COMPILE_CACHE"], "-t", trace, *flags, "--", *run["args"],
        code=run["exit"], cwd=folder, input=stdin_of(run, folder),
    )  # fmt: skip
    if not done.stdout + done.stderr:
        fail(f"{trace}: the program printed nothing")
    return done


def replay(trace, want, code, empty, *flags):
    done = tracetool("replay", trace, "-q", "--cache", os.environ["COMPILE_CACHE"], *flags, code=code, cwd=empty, stdin=subprocess.DEVNULL, env={})
    for stream in ("stdout", "stderr"):
        got = getattr(done, stream)
        if got != getattr(want, stream):
            fail(f"{trace}: {stream} of the replay is {got[:300]}, want {getattr(want, stream)[:300]}")
    if any(empty.iterdir()):
        fail(f"{trace}: the replay wrote files")


def check(source, number, work):
    """Records and replays the run that the file source describes."""
    run, program = json.loads(source.read_text()), source.parent.name
    folder, empty = work / f"{program}-{number}", work / "empty"
    trace = work / (folder.name + EXTENSION)
    shutil.copytree(source.parent, folder)
    start = time.monotonic()
    printed = record(run, folder, program, trace)
    recorded = time.monotonic()
    shutil.rmtree(folder)

    replay(trace, printed, run["exit"], empty)
    replayed = time.monotonic()
    tracetool("verify", trace)
    text, again = trace.with_suffix(".jsonl"), work / (folder.name + "-again" + EXTENSION)
    tracetool("convert", trace, text)
    tracetool("convert", text, again)
    replay(again, printed, run["exit"], empty)
    events = json.loads(tracetool("inspect", "-o", "json", trace).stdout)["events"]
    print(f"{program:7} {source.stem:17} exit {run['exit']:<3} {events:>6} events  recorded {recorded - start:.2f} s, replayed {replayed - recorded:.2f} s")


def main():
    programs, work = map(pathlib.Path, sys.argv[1:])
    empty = work / "empty"
    empty.mkdir(parents=True)
    empty.chmod(0o555)
    runs = sorted(programs.glob("*/run*.json"))
    if not runs:
        fail(f"no runs in {programs}")
    for number, source in enumerate(runs):
        check(source, number, work)


if __name__ == "__main__":
    main()
