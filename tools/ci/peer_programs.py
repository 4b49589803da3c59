"""Programs beside voicelt: what they say, and that they end with the one who needs them."""

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# A proxy that imports half of PyPI takes its time to start.
START_S = 240


def demand(holds: object, what: str) -> None:
    """Ends everything with a sentence unless it holds."""
    if not holds:
        raise SystemExit(what)


class Peer:
    """A program under way, and the lines that it has said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.changed = threading.Condition()
        self.is_over = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for line in self.process.stdout or ():
            with self.changed:
                self.lines.append(line.rstrip())
                self.changed.notify_all()
        with self.changed:
            self.is_over = True
            self.changed.notify_all()

    def said(self, pattern: str, count: int = 1) -> list[re.Match[str]]:
        """The first `count` lines that have this, once they have come."""

        def found() -> list[re.Match[str]]:
            return [match for line in self.lines if (match := re.search(pattern, line))]

        with self.changed:
            self.changed.wait_for(lambda: self.is_over or len(found()) >= count, START_S)
            last = "\n".join(self.lines[-30:])
            demand(len(found()) >= count, f"{self.process.args}: not {count} times {pattern!r} in\n{last}")
            return found()[:count]


@contextlib.contextmanager
def running(command: list[str | Path], **options: Any) -> Iterator[Peer]:
    """A program, with all that it starts, until it is no longer needed."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        **options,
    )
    try:
        yield Peer(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
