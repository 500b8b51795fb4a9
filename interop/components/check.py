"""Runs, records and replays the components of the matrix: check.py PROGRAMS DIR [LANGUAGE...].

PROGRAMS is what build made, a component for each language. Each row of ROWS is
run without a recording, recorded, and replayed after the servers have stopped:
without a network, from an empty directory that cannot be written to, without
environment and with another stdin; and once more after a conversion to JSONL and
back. Stdout, stderr and exit code must agree each time, and be what want/ has.
"""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import measure
import rows
import served
import server
from tool import EXTENSION, fail

HERE = pathlib.Path(__file__).resolve().parent
LANGUAGES = ["rust", "javascript", "python", "c", "go"]
ENGINES = {"rust": ["compiler", "interpreter"]}
OTHER_STDIN = b"nothing of this is read\n" * 1000
OURS = range(121, 126)  # exit codes of tracetool's own
TOOLS = ("verify", "convert", "convert back")


@dataclasses.dataclass
class Case:
    """One row in one language on one engine, and what became of it."""

    language: str
    row: rows.Row
    engine: str
    folder: pathlib.Path
    trace: pathlib.Path = None
    plain: object = None
    recorded: object = None
    said: dict = dataclasses.field(default_factory=dict)  # by section of want/
    seconds: dict = dataclasses.field(default_factory=dict)
    problems: list = dataclasses.field(default_factory=list)

    def __str__(self):
        return f"{self.language} {self.row.name}" + ("" if self.engine == "compiler" else f" ({self.engine})")


class Matrix:
    def __init__(self, programs, work):
        self.programs, self.work = programs.resolve(), work.resolve()
        self.work.mkdir(parents=True)
        self.empty = self.work / "empty"
        self.empty.mkdir(mode=0o555)
        self.common = ["-q", "--cache", os.environ["COMPILE_CACHE"]]

    def execute(self, case, what, command, flags, **kwargs):
        start = time.monotonic()
        done = execute(["timeout", "120", *command, os.environ["TRACETOOL"], *map(str, flags)], **kwargs)
        case.seconds[what] = case.seconds.get(what, 0) + time.monotonic() - start
        if done.returncode in OURS or what in TOOLS and done.returncode:
            case.problems.append(f"{what}: exit code {done.returncode}\n{text(done.stderr)}")
        return done

    def run(self, case, addresses, what, verb):
        """Runs a case in a folder of its own that has the row's files."""
        folder = case.folder / what
        shutil.copytree(HERE / "files", folder)
        row, program = case.row, self.programs / (case.language + ".wasm")
        flags = [*self.common, "--engine", case.engine, *row.flags(addresses), program, "--", *row.arguments(addresses)]
        return self.execute(case, what, [], [*verb, *flags], cwd=folder, input=row.stdin, env=os.environ | {"HIDDEN": "1", "GIVEN": "given"})

    def record(self, case, addresses):
        case.trace = case.folder / ("run" + EXTENSION)
        if case.row.serves:
            served.record(self, case, addresses)
            return
        case.plain = self.run(case, addresses, "plain", ["run", "--no-record"])
        case.recorded = self.run(case, addresses, "recorded", ["record", "-t", case.trace])
        for stream in ("stdout", "stderr", "returncode"):
            plain, recorded = getattr(case.plain, stream), getattr(case.recorded, stream)
            if case.row.varies and stream != "returncode":
                plain, recorded = masked(plain), masked(recorded)
            if plain != recorded:
                case.problems.append(f"{stream} recorded: {text(recorded)}\nplain: {text(plain)}")
        case.said[case.row.name] = said(case.recorded, case.row.varies)

    def replay(self, case, isolated):
        """Replays a recording by each engine, and once more after it has been JSONL."""
        engines = ENGINES.get(case.language, ["compiler"]) if case.row.crosses else [case.engine]
        for engine in engines:
            self.compare(case, case.trace, engine, "replay " + engine, isolated)
        jsonl, again = case.folder / "run.jsonl", case.folder / ("again" + EXTENSION)
        for what, flags in {"verify": [case.trace], "convert": [case.trace, jsonl], "convert back": [jsonl, again]}.items():
            self.execute(case, what, [], [what.split()[0], "-q", *flags])
        self.compare(case, again, engines[0], "replay again", isolated)
        if case.row.serves:
            served.replay_tasks(self, case, isolated)
        shutil.rmtree(case.folder)

    def replay_alone(self, case, trace, engine, what, isolated, *flags):
        flags = ["replay", *self.common, "--engine", engine, *flags, trace]
        return self.execute(case, what, isolated, flags, cwd=self.empty, input=OTHER_STDIN, env={})

    def compare(self, case, trace, engine, what, isolated):
        done = self.replay_alone(case, trace, engine, what, isolated)
        for stream in ("stdout", "stderr", "returncode"):
            got, want = getattr(done, stream), getattr(case.recorded, stream)
            if stream == "stderr" and engine != case.engine:
                got = re.sub(rb"(?m)^warning: recorded on .*\n", b"", got)
            if got != want:
                case.problems.append(f"{stream} of {what}: {text(got)}\nrecorded: {text(want)}")


def execute(command, input=b"", **kwargs):
    """Runs a command, with stdin at once, or in pieces with pauses."""
    if isinstance(input, bytes):
        return subprocess.run(command, input=input, capture_output=True, **kwargs)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kwargs)
    with contextlib.suppress(BrokenPipeError):  # it ended before it read all
        for piece in input:
            time.sleep(0.1)
            process.stdin.write(piece)
            process.stdin.flush()
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def text(value):
    return value if isinstance(value, int) else value.decode(errors="replace")[:2000]


def masked(output):
    """The output with every number as 0, for rows that tell the time or random numbers."""
    return re.sub(rb"\d+(\.\d+)?", b"0", output)


def said(done, varies):
    """What a program printed and returned, as want/ has it."""
    stderr = re.sub(rb"(?ms)^(    |goroutine ).*", b"", done.stderr)  # stacks depend on the compiler
    stderr = masked(re.sub(rb"0x[0-9a-f]+", b"0", stderr))  # lines of sources and addresses change
    streams = [masked(done.stdout) if varies else done.stdout, stderr]
    lines = [prefix + line for prefix, s in zip("12", streams) for line in s.decode(errors="backslashreplace").splitlines()]
    return "\n".join([*lines, f"= {done.returncode}", ""])


def isolation():
    """The command that takes the network away from what follows, where we may."""
    command = ["unshare", "--net"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print("unshare --net is not for us: replays have a network, without the servers")
        return []
    return command


class Want:
    """want/LANGUAGE.txt: what each row prints and returns."""

    def __init__(self, language):
        self.path = HERE / "want" / (language + ".txt")
        self.rows = {}
        if self.path.exists():
            for section in re.split("(?m)^-- ", self.path.read_text())[1:]:
                name, _, output = section.partition(" --\n")
                self.rows[name] = output

    def save(self):
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text("".join(f"-- {name} --\n{output}" for name, output in self.rows.items()))


def check_wants(cases, update):
    for language in {c.language for c in cases}:
        want = Want(language)
        for case in cases:
            if case.language != language or case.engine != "compiler" and not case.row.crosses:
                continue
            for name, got in case.said.items():
                if update and not case.problems:
                    want.rows[name] = got
                elif want.rows.get(name) != got:
                    case.problems.append(f"printed\n{got}want\n{want.rows.get(name)}")
        if update:
            want.save()


def main():
    update = "--update" in sys.argv
    programs, work, *languages = [a for a in sys.argv[1:] if not a.startswith("-")]
    languages = languages or LANGUAGES
    matrix = Matrix(pathlib.Path(programs), pathlib.Path(work))
    cases = [
        Case(language, row, engine, matrix.work / f"{language}-{row.name}-{engine}")
        for language in languages
        for row in rows.ROWS
        if language in row.languages
        for engine in ENGINES.get(language, ["compiler"])
    ]
    if not cases:
        fail("no cases")
    pool = concurrent.futures.ThreadPoolExecutor(2)
    servers = server.Servers()
    list(pool.map(lambda case: matrix.record(case, servers), cases))
    costs = measure.Measure(matrix, servers).run(languages)
    servers.stop()
    isolated = isolation()
    list(pool.map(lambda case: matrix.replay(case, isolated), cases))
    check_wants(cases, update)
    if any(matrix.empty.iterdir()):
        fail(f"replays wrote {sorted(matrix.empty.iterdir())}")

    for case in cases:
        times = ", ".join(f"{what} {s:.2f} s" for what, s in case.seconds.items())
        print(f"{'FAIL' if case.problems else 'ok  '} {str(case):32} exit {case.recorded.returncode:<3} {times}")
    bad = [c for c in cases if c.problems]
    for case in bad:
        print(f"\n{case}:\n" + "\n".join(case.problems))
    if bad or costs:
        fail("\n".join([f"{len(bad)} of {len(cases)} cases", *costs]))
    print(f"{len(cases)} cases agree")


if __name__ == "__main__":
    main()
