"""Runs the programs under test: $TRACETOOL, and $ROWHASH and $GENERATE beside this file."""

import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXTENSION = ".trace.arrow"


def tracetool(*args, code=0, **kwargs):
    """Runs tracetool, which must exit with code; returns what it printed, as bytes."""
    done = subprocess.run([os.environ["TRACETOOL"], *map(str, args)], capture_output=True, **kwargs)
    if done.returncode != code:
        fail(f"tracetool {' '.join(map(str, args))}: exit code {done.returncode}, want {code}\n{done.stderr.decode(errors='replace')}")
    return done


def rowhash(paths):
    """Our own digests of traces, by path."""
    done = subprocess.run([os.environ["ROWHASH"], *paths], capture_output=True, text=True)
    if done.returncode != 0:
        fail(done.stderr)
    digests = map(json.loads, done.stdout.splitlines())
    return {d.pop("file"): d for d in digests}


def fail(message):
    sys.exit(f"FAIL: {message}")
