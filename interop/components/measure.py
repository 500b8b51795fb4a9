"""
What the components cost: measure.Measure.run prints it beside the goals. Only sizes are
problems where they are more: times depend on what else the machine does.
"""

import os
import resource
import subprocess
import time

import rows
from tool import EXTENSION

TRIES = 10
SLOWER = 1.10  # recorded against unrecorded, where four requests take 200 ms each
STARTS = {"javascript": 0.3, "python": 0.4}  # s, from the compile cache
BODIES = 2 * (10 << 20)  # bytes, down and up
LARGER = 1.02  # a trace without the program, against the bodies in it


class Measure:
    def __init__(self, matrix, addresses):
        self.matrix, self.addresses = matrix, addresses
        self.trace = matrix.work / ("measured" + EXTENSION)
        self.problems = []

    def run(self, languages):
        print("\nmeasured, the best of several:")
        for language in languages:
            if language in STARTS:
                self.start(language)
            if language in rows.HTTP:
                self.together(language)
                self.size(language)
        return self.problems

    def compare(self, what, value, goal):
        print(f"  {what}: {value:.2f}, goal {goal:.2f}{'' if value <= goal else ': MORE'}")

    def bound(self, what, value, limit):
        self.compare(what, value, limit)
        if value > limit:
            self.problems.append(f"{what}: {value:.2f}, want at most {limit:.2f}")

    def execute(self, language, name, recorded):
        """Runs a row; returns what it printed, seconds on the clock and of the processor."""
        row = next(r for r in rows.ROWS if r.name == name)
        verb = ["record", "--force", "-t", self.trace] if recorded else ["run", "--no-record"]
        program = self.matrix.programs / (language + ".wasm")
        command = [os.environ["TRACETOOL"], *verb, *self.matrix.common, *row.flags(self.addresses), program, "--", *row.arguments(self.addresses)]
        used, start = processor(), time.monotonic()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=self.matrix.empty)
        return done.stdout, time.monotonic() - start, processor() - used

    def start(self, language):
        """A program that ends at once. Where the machine is busy, the processor's time is left to tell."""
        for recorded in (False, True):
            runs = [self.execute(language, "exit", recorded) for _ in range(TRIES)]
            clock, busy = (min(times) for times in list(zip(*runs))[1:])
            how = "recorded" if recorded else "not recorded"
            print(f"  {language} starts, {how}: {clock:.2f} s")
            self.compare(f"{language} starts, {how}, s of processor", busy, STARTS[language])

    def together(self, language):
        """
        Four requests at once, in turn recorded and not, until the difference is small or tries
        are used up. The program's own clock tells how long they took; all of its run is printed beside it.
        """
        best = {False: (float("inf"),) * 2, True: (float("inf"),) * 2}
        for _ in range(TRIES):
            for recorded, (took, clock) in best.items():
                said, now, _ = self.execute(language, "together", recorded)
                best[recorded] = min(took, int(said.split()[-2]) / 1e6), min(clock, now)
            if best[True][0] <= SLOWER * best[False][0]:
                break
        for recorded, (took, clock) in best.items():
            how = "recorded" if recorded else "not recorded"
            print(f"  {language} four requests of 200 ms, {how}: {took:.3f} s of {clock:.3f} s in all")
        self.compare(f"{language} four requests recorded, against unrecorded", best[True][0] / best[False][0], SLOWER)

    def size(self, language):
        """What 20 MiB of random bytes add to a trace."""
        self.execute(language, "refused", True)
        without = self.trace.stat().st_size
        self.execute(language, "large", True)
        added = self.trace.stat().st_size - without
        print(f"  {language} trace with 10 MiB up and 10 MiB down: {added} bytes more than without")
        self.bound(f"{language} trace, against the bodies", added / BODIES, LARGER)


def processor():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
