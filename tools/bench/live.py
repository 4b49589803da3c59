"""Measures what it costs the schedule to be watched, and prints a table in Markdown.

    python3 -m venv venv && venv/bin/pip install -r tools/bench/requirements.txt
    venv/bin/python tools/bench/live.py            # 1,000 sessions, 7 rounds, a quarter of an hour
    venv/bin/python tools/bench/live.py --quick    # a smoke test of a minute

Three sides in turns, sender and receiver pinned to a core each, so that whoever draws and answers has
to share the sender's: nobody watches; the screen is drawn on a terminal and metrics are asked for each
second; nobody watches once more, which shows how far apart equal sides lie by themselves. Ratios are
those of one round, to its first side.
"""

from __future__ import annotations

import argparse
import json
import os
import pty
import shutil
import socket
import statistics
import sys
import threading
import urllib.request

from measure import CHUNK_NS, WARMUP_S, Run, judge_arrivals, measure, micros
from schedule import Bench, interleaved, machine, shown

ACCEPT = {"Accept": "application/openmetrics-text; version=1.0.0"}
SIDES = ["nobody", "screen and metrics", "nobody again"]


class Terminal:
    """A terminal that somebody looks at: what is drawn is read and counted."""

    def __init__(self) -> None:
        self.ours, self.theirs = pty.openpty()
        self.frames = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while True:
            try:
                self.frames += os.read(self.ours, 65536).count(b"\x1b[H")
            except OSError:
                return

    def close(self) -> None:
        os.close(self.theirs)
        os.close(self.ours)


class Scraper(threading.Thread):
    """Asks for metrics each second, as Prometheus does."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=ACCEPT)
        self.over = threading.Event()
        self.answers = 0

    def run(self) -> None:
        while not self.over.wait(1):
            try:
                with urllib.request.urlopen(self.request, timeout=1) as answer:
                    self.answers += answer.read().endswith(b"# EOF\n")
            except OSError:
                pass


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Watched(Bench):
    """Replays that are watched, or not."""

    def side(self, sessions: int, watched: bool) -> Run:
        trace, out = self.trace(sessions, self.seconds, 20), self.place / "run"
        shutil.rmtree(out, ignore_errors=True)
        run = Run("voicelt", sessions, expected=sessions * self.seconds * 50)
        port = free_port()
        more = ["--metrics-addr", f"127.0.0.1:{port}"] if watched else ["--quiet"]

        def command(target: str) -> list[str]:
            replay = [str(self.voicelt), "replay", str(trace), "-t", target, "-o", str(out)]
            return [*replay, "--workers", "1", "--allow-invalid", "--force", *more]

        if watched:
            terminal, scraper = Terminal(), Scraper(port)
            scraper.start()
            try:
                env = {"TERM": "xterm-256color"}
                run, _, log = measure(
                    self.sink, self.place, run, self.seconds, command, env, terminal.theirs
                )
            finally:
                scraper.over.set()
                terminal.close()
            seen = min(terminal.frames, scraper.answers)
            if seen < self.seconds * 3 // 4:
                raise RuntimeError(f"{terminal.frames} screens and {scraper.answers} answers were seen")
        else:
            run, _, log = measure(self.sink, self.place, run, self.seconds, command)
        run.lag = micros(json.loads((out / "run.json").read_text())["summary"]["lag"])
        judge_arrivals(run, log, {}, CHUNK_NS)
        return run


def ratios(found: dict[str, list[Run]], side: str, quantile: str) -> list[float]:
    pairs = zip(found[side], found[SIDES[0]])
    return [one.lag[quantile] / nobody.lag[quantile] for one, nobody in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sessions", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="a smoke test of short runs")
    args = parser.parse_args()
    rounds, sessions = (1, 50) if args.quick else (args.rounds, args.sessions)
    bench = Watched(WARMUP_S + (5 if args.quick else 30))
    try:
        found = interleaved(
            {name: (lambda n=n: bench.side(sessions, n == 1)) for n, name in enumerate(SIDES)}, rounds
        )
    finally:
        shutil.rmtree(bench.place, ignore_errors=True)
    if [len(found.get(name, [])) for name in SIDES] != [rounds] * len(SIDES):
        sys.exit("a run failed: there is nothing to compare")
    print("\n".join(machine()))
    print(f"{sessions} sessions, {rounds} rounds of {bench.seconds} s; medians, ratios to the first side.\n")
    print("| who watches | lag p50 | lag p99 | lag max | CPU per 1,000 chunks | p50 ratio | p99 ratio (least to greatest) |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in SIDES:
        runs, p50, p99 = found[name], ratios(found, name, "p50"), ratios(found, name, "p99")
        lag = [shown(statistics.median(run.lag[q] for run in runs)) for q in ("p50", "p99", "max")]
        cpu = statistics.median(run.cpu_ms for run in runs)
        judged = "" if all(run.judged for run in runs) else " (not judged)"
        spread = f"{statistics.median(p99):.2f} ({min(p99):.2f} to {max(p99):.2f}){judged}"
        cells = [name, *lag, f"{cpu:.1f} ms", f"{statistics.median(p50):.2f}", spread]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
