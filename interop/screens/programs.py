"""Prints what real programs write on a terminal, as cases for "screens show":
programs.py. Those that are not installed are passed over; two must be there.
"""
import base64
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios
import time

COLUMNS, ROWS = 80, 24

TEXT = "\n".join(
    f"{i:3} The quick brown fox 漢字 かな 한글 jumps é ❤️ 🇩🇪 👍🏽 over the lazy dog\t{'x' * i}" for i in range(60)
)

# Command lines and the keys that are typed, one after the other.
PROGRAMS = [
    (["vim", "-u", "NONE", "-N", "FILE"], ["ggihello \x1b", "\x06", "\x02", ":set nu\r", "/lazy\r", "dd", "p", "\x0c", ":split\r"]),
    (["nano", "-I", "FILE"], ["hello\r", "\x16", "\x19", "\x1b[B\x1b[B", "\x0b", "\x15"]),
    (["less", "FILE"], [" ", "b", "/dog\r", "G", "h"]),
    (["mc", "-u", "-x"], ["\x1b[B", "\t", "\x1b[21~"]),
    (["htop"], ["\x1b[B", "h"]),
    (["top"], ["1", "h"]),
    (["tmux", "-L", "interop-screens", "-f", "/dev/null"], ["echo 漢字\r", "\x02%", "ls /\r", "\x02\"", "\x02d"]),
    (["bash", "--norc", "-i"], ["echo 漢字 ❤️\r", "ls --color=always /\r", "\x12ech", "\x07", "\x1b[A\x1b[D\x1b[D\x15"]),
    (["python3", "-q", "-i"], ["print('é' * 30)\r", "help\r", "for i in range(30): print(i, '漢' * i)\r\r"]),
    (["git", "--no-pager", "log", "--color=always", "--graph", "--oneline", "-n", "30"], [""]),
]


def run(argv, keys):
    """Returns all that a program writes, cut off soon after the last key."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8", PS1="$ ", HOME=tempfile.gettempdir())
        os.execvp(argv[0], argv)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    os.kill(pid, signal.SIGWINCH)
    out = b""
    try:
        for key in ["", *keys]:
            os.write(fd, key.encode())
            end = time.monotonic() + 0.4
            while (left := end - time.monotonic()) > 0:
                if select.select([fd], [], [], left)[0]:
                    out += os.read(fd, 65536)
    except OSError:
        pass  # it has ended
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
    return out


def main():
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text.txt")
        for argv, keys in PROGRAMS:
            if not shutil.which(argv[0]):
                continue
            with open(path, "w", encoding="utf-8") as f:
                f.write(TEXT)
            out = run([path if a == "FILE" else a for a in argv], keys)
            found += len(out) > 0
            # The screen at the end alone would hide most of it.
            for i in range(1, 9):
                part = out[: len(out) * i // 8].decode("utf-8", "ignore").encode()
                step = {"write": base64.b64encode(part).decode()}
                print(json.dumps({"name": f"{argv[0]}/{i}", "cols": COLUMNS, "rows": ROWS, "steps": [step]}))
    if found < 2:
        sys.exit(f"{found} of {len(PROGRAMS)} programs are installed, want two at least")


main()
