#!/usr/bin/env python3
"""Replays on a terminal and looks at what is drawn there.

    tools/ci/screen.py VOICELT

The screen must keep to the size of the terminal, also when that changes, be without colours when
those are not wanted, and leave the terminal as it was: at the end, after Ctrl-C, and before the
summary. Needs nothing but Python. Fails with a sentence that says what is wrong.
"""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

ENTER, LEAVE = b"\x1b[?1049h\x1b[?25l", b"\x1b[?25h\x1b[?1049l"
WAIT_S = 120


def require(condition, message):
    if not condition:
        sys.exit(f"screen: {message}")


def resize(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def on_terminal(command, columns, rows, env, after=()):
    """What a command writes to a terminal of this size, and its exit code. `after` so many seconds
    something is done with the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        # The size is there before the command looks.
        resize(0, columns, rows)
        os.execvpe(command[0], command, {**os.environ, "TERM": "xterm-256color", **env})
    written, start, after = b"", time.monotonic(), list(after)
    while time.monotonic() - start < WAIT_S:
        if after and time.monotonic() - start > after[0][0]:
            after.pop(0)[1](terminal)
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            written += piece
    else:
        os.kill(child, 9)
        sys.exit(f"screen: it did not end within {WAIT_S} s")
    return written, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def frames(written):
    """The screens that were drawn, as lines without their escape codes."""
    require(written.count(ENTER) == 1 and written.count(LEAVE) == 1, "the screen was not taken once")
    drawn = written.split(ENTER, 1)[1].split(LEAVE, 1)[0].decode()
    screens = drawn.split("\x1b[H")[1:]
    plain = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen) for screen in screens]
    # The terminal puts a return of its own before each new line, and shows what is typed.
    return [re.sub(r"\r|\^C", "", screen).split("\n") for screen in plain]


def check_size(screens, columns, rows):
    for screen in screens:
        require(len(screen) <= rows, f"{len(screen)} lines on a terminal of {rows}")
        for line in screen:
            require(len(line) <= columns, f"{len(line)} characters on {columns}: {line}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    voicelt = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as place:
        trace = f"{place}/calls.vtrace"
        calls = ["--synth", "speech-like:1s", "--sessions", "60", "--arrivals", "constant:5/s"]
        subprocess.run([voicelt, "--quiet", "prepare", *calls, "-o", trace], check=True)

        def command(run):
            return [voicelt, "replay", trace, "-t", "embedded", "-o", f"{place}/{run}", "--allow-invalid"]

        written, code = on_terminal([*command("one"), "--limit", "25"], 80, 24, {})
        require(code == 0, f"the replay ended with {code}: {written.decode()}")
        screens = frames(written)
        check_size(screens, 80, 24)
        last = "\n".join(screens[-1])
        print(last)
        for what in ["sessions", "offered", "requests", "response", "lag", "schedule", "whole run"]:
            require(what in last, f"`{what}` is not on the last screen")
        require(b"\x1b[1m" in written.split(LEAVE)[0], "there are no colours")
        after = written.split(LEAVE, 1)[1].decode()
        require(after.startswith("results: "), f"what follows begins with {after[:80]!r}")
        require("latency   " in after and "\x1b[?" not in after, f"the summary does not follow: {after!r}")

        written, _ = on_terminal([*command("two"), "--limit", "25"], 100, 12, {"NO_COLOR": "1"})
        check_size(frames(written), 100, 12)
        coloured = re.search(rb"\x1b\[[0-9;]*m", written.split(LEAVE)[0])
        require(not coloured, f"there are colours though NO_COLOR is set: {coloured}")

        def smaller(terminal):
            resize(terminal, 40, 9)

        def interrupt(terminal):
            os.write(terminal, b"\x03")

        steps = [(5, smaller), (8, interrupt)]
        written, code = on_terminal(command("three"), 80, 24, {}, steps)
        require(code == 130, f"after Ctrl-C it ended with {code}")
        screens = frames(written)
        check_size(screens[-2:], 40, 9)
        before, after = written.split(LEAVE, 1)
        require(b"\nstopping: " not in before, "a message was written over the screen")
        require(b"stopping: no further calls" in after, "what was said is not said again")

        written, _ = on_terminal([*command("six"), "--limit", "35", "-vv"], 80, 24, {})
        require(ENTER not in written, "-vv is told over a screen")
        require(written.count(b" ok  response ") == 35, "-vv does not tell of each request")
        require(b" sessions started (35 planned)" in written, "-vv shows no lines of the run")

        written, _ = on_terminal([*command("four"), "--limit", "1", "--no-live"], 80, 24, {})
        require(ENTER not in written, "--no-live drew a screen")
        written, _ = on_terminal([*command("five"), "--limit", "1"], 80, 24, {"TERM": "dumb"})
        require(ENTER not in written, "a dumb terminal was drawn on")
    print("the terminal is left as it was")


main()
