"""Measures how well the schedule is kept, beside other senders, and prints tables in Markdown.

    python3 -m venv venv && venv/bin/pip install -r tools/bench/requirements.txt
    venv/bin/python tools/bench/schedule.py            # all, 5 rounds, over an hour
    venv/bin/python tools/bench/schedule.py --quick    # a smoke test of a minute

Sender and receiver are pinned to a core each. All sides of a table are measured in one run, in
turns; figures are medians of the rounds. Rows whose receiver was over 80 % busy, with over 2 % of
steal, or with chunks that did not arrive, are marked and not to be judged. CPU, steal and memory
growth are those of the steady part.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pyarrow.parquet as pq

from measure import CHUNK_NS, WARMUP_S, Run, judge_arrivals, lag_of, measure, micros
from programs import ROOT, built

CLIENTS = Path(__file__).parent / "clients"


class Bench:
    """Binaries, a place for files, and the senders."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.place = Path(tempfile.mkdtemp(prefix="voicelt-bench-"))
        self.voicelt, self.sink, self.baseline = built("voicelt", "sink", "baseline")
        self.traces: dict[tuple[int, int, int], Path] = {}

    def trace(self, sessions: int, seconds: int, chunk_ms: int) -> Path:
        """One utterance of `seconds` a session, starts spread over a second."""
        key = (sessions, seconds, chunk_ms)
        if key not in self.traces:
            path = self.place / f"{sessions}-{seconds}-{chunk_ms}.vtrace"
            prepare = [str(self.voicelt), "--quiet", "prepare", "--synth", f"speech-like:{seconds}s"]
            shape = ["--arrivals", f"constant:{sessions}/s", "--sessions", str(sessions)]
            chunk = ["--chunk", f"{chunk_ms}ms", "-o", str(path)]
            subprocess.run([*prepare, *shape, *chunk], check=True, stdout=subprocess.DEVNULL)
            self.traces[key] = path
        return self.traces[key]

    def ours(
        self,
        sessions: int,
        seconds: int | None = None,
        chunk_ms: int = 20,
        before: Callable[[str], str] = lambda target: target,
    ) -> Run:
        """Our own replay; `before` may put something before the sink and return its address."""
        seconds = seconds or self.seconds
        trace, out = self.trace(sessions, seconds, chunk_ms), self.place / "run"
        shutil.rmtree(out, ignore_errors=True)
        run = Run("voicelt", sessions, expected=sessions * seconds * 1000 // chunk_ms)

        def command(target: str) -> list[str]:
            replay = [str(self.voicelt), "--quiet", "replay", str(trace), "-t", before(target)]
            return [*replay, "-o", str(out), "--workers", "1", "--allow-invalid", "--force"]

        run, _, log = measure(self.sink, self.place, run, seconds, command)
        manifest = json.loads((out / "run.json").read_text())
        run.connections = manifest["spec"]["connections"]
        run.lag = micros(manifest["summary"]["lag"])
        rows = pq.read_table(out / "requests.parquet", columns=["wire_session_id", "intended_start_ns"])
        epoch = manifest["epoch"]["monotonic_ns"]
        starts = {name: epoch + at for name, at in zip(*(c.to_pylist() for c in rows.columns))}
        judge_arrivals(run, log, starts, chunk_ms * 1_000_000)
        return run

    def other(self, side: str, sessions: int, command: Callable[[str, str], list[str]]) -> Run:
        """A sender that writes its plan of starts to a file and prints its own lag."""
        run = Run(side, sessions, expected=sessions * self.seconds * 50)
        plan = self.place / "plan.csv"
        run, printed, log = measure(
            self.sink, self.place, run, self.seconds, lambda target: command(target, str(plan))
        )
        run.lag = lag_of(printed)
        lines = [line.rsplit(",", 1) for line in plan.read_text().splitlines()]
        judge_arrivals(run, log, {name: int(at) for name, at in lines}, CHUNK_NS)
        return run

    def rust(self, kind: str, sessions: int) -> Run:
        def command(target: str, plan: str) -> list[str]:
            return [str(self.baseline), kind, f"http://{target}", str(sessions), str(self.seconds), plan]

        return self.other(kind, sessions, command)

    def asyncio(self, kind: str, sessions: int) -> Run:
        client = str(CLIENTS / "asyncio_client.py")

        def command(target: str, plan: str) -> list[str]:
            return [sys.executable, client, kind, target, str(sessions), str(self.seconds), plan]

        return self.other(f"asyncio {kind}", sessions, command)

    def k6(self, sessions: int) -> Run:
        run = Run("k6", sessions, expected=sessions * self.seconds * 50)
        binary = str(Path(sys.executable).parent / "k6")
        env = {"SESSIONS": str(sessions), "SECONDS": str(self.seconds), "PROTO_DIR": str(ROOT / "proto")}

        def command(target: str) -> list[str]:
            return [binary, "run", "--quiet", "--no-usage-report", "--address", "", "-e", f"TARGET={target}", str(CLIENTS / "k6.js")]

        run, _, log = measure(self.sink, self.place, run, self.seconds, command, env)
        judge_arrivals(run, log, {}, CHUNK_NS)
        return run


def median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return statistics.median(of(run) for run in runs)


def shown(micros: float) -> str:
    if micros != micros:
        return "–"
    return f"{micros:.0f} µs" if abs(micros) < 1e3 else f"{micros / 1e3:.3g} ms"


def spread(runs: list[Run], of: Callable[[Run], dict[str, float]]) -> list[str]:
    nan = float("nan")
    return [shown(median(runs, lambda r: of(r).get(q, nan))) for q in ("p50", "p99", "p99.9", "max")]


def row(runs: list[Run], first: list[str]) -> str:
    judged = "" if all(run.judged for run in runs) else " (not judged)"
    arrived = median(runs, lambda r: 100 * r.arrived / r.expected)
    cells = [
        *first,
        " / ".join(spread(runs, lambda r: r.lag)),
        " / ".join(spread(runs, lambda r: r.error)),
        shown(median(runs, lambda r: r.gap.get("p99", float("nan")))),
        f"{median(runs, lambda r: r.cpu_ms):.1f} ms",
        f"{median(runs, lambda r: r.rss_mb):.0f} (+{median(runs, lambda r: r.rss_growth_mb):.1f}) MB",
        f"{arrived:.1f} %",
        f"{median(runs, lambda r: r.sink_busy):.0f} %, {median(runs, lambda r: r.steal):.1f} %{judged}",
    ]
    return "| " + " | ".join(cells) + " |"


HEAD = [
    "lag p50 / p99 / p99.9 / max",
    "receiver error p50 / p99 / p99.9 / max",
    "gap error p99",
    "CPU per 1,000 chunks",
    "RSS, max (growth)",
    "arrived",
    "receiver busy, steal",
]


def table(first: list[str]) -> list[str]:
    cells = [*first, *HEAD]
    return ["| " + " | ".join(cells) + " |", "| " + " | ".join("---" for _ in cells) + " |"]


def interleaved(sides: dict[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Runs the sides in turns: ABAB."""
    found: dict[str, list[Run]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, side in sides.items():
            print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
            try:
                found[name].append(side())
            except (RuntimeError, IndexError, OSError, subprocess.SubprocessError) as error:
                print(f"  failed: {error}", file=sys.stderr, flush=True)
    return {name: runs for name, runs in found.items() if runs}


def schedule_section(bench: Bench, sizes: list[int], rounds: int) -> list[str]:
    lines = ["## Sessions of 20 ms chunks", "", *table(["sessions", "sessions per connection"])]
    sides = {str(n): (lambda n=n: bench.ours(n)) for n in sizes}
    for name, runs in interleaved(sides, rounds).items():
        share = median(runs, lambda r: r.sessions / max(1, r.connections))
        lines.append(row(runs, [name, f"{share:.1f}"]))
    return lines


def against_section(bench: Bench, foreign: list[int], own: int, rounds: int) -> list[str]:
    lines = ["## Against other senders, at equal load", "", *table(["sessions", "sender"])]
    ratios = ["", "Ratios to voicelt (p50 / p99 of the receiver error; k6: p99 of the gap error):", ""]
    for sessions in [*foreign, own]:
        sides: dict[str, Callable[[], Run]] = {"voicelt": lambda n=sessions: bench.ours(n)}
        if sessions == own:
            for kind in ("tokio-timer", "tonic-channel"):
                sides[kind] = lambda k=kind, n=sessions: bench.rust(k, n)
        else:
            for kind in ("naive", "absolute"):
                sides[f"asyncio {kind}"] = lambda k=kind, n=sessions: bench.asyncio(k, n)
            sides["k6"] = lambda n=sessions: bench.k6(n)
        found = interleaved(sides, rounds)
        for name, runs in found.items():
            lines.append(row(runs, [str(sessions), name]))
        if "voicelt" not in found:
            continue
        base = found["voicelt"]
        for name, runs in found.items():
            if name == "voicelt":
                continue
            if name == "k6":
                ratio = median(runs, lambda r: r.gap["p99"]) / median(base, lambda r: r.gap["p99"])
                ratios.append(f"- {sessions} sessions, {name}: {ratio:.0f}")
                continue
            of = [
                median(runs, lambda r: r.error[q]) / median(base, lambda r: r.error[q])
                for q in ("p50", "p99")
            ]
            cpu = median(runs, lambda r: r.cpu_ms) / median(base, lambda r: r.cpu_ms)
            ratios.append(f"- {sessions} sessions, {name}: {of[0]:.3g} / {of[1]:.3g}; CPU {cpu:.2g}")
    return [*lines, *ratios]


def long_section(bench: Bench, seconds: int) -> list[str]:
    print("long stream", file=sys.stderr, flush=True)
    run = bench.ours(10, seconds)
    return [
        f"## Streams of {seconds} s, 10 of them",
        "",
        f"Slope of the receiver's error times the length: {run.drift_us:+.1f} µs. Error p99 "
        f"{shown(run.first_p99)} in the first minute, {shown(run.last_p99)} in the last "
        f"(ratio {run.last_p99 / run.first_p99:.2f}). Steal {run.steal:.1f} %.",
    ]


def phase_section(bench: Bench) -> list[str]:
    path = bench.place / "phases.vtrace"
    command = [str(bench.voicelt), "--quiet", "prepare", "--synth", "speech-like:1s", "-o", str(path)]
    arrivals = ["--arrivals", "poisson:100/s", "--sessions", "1000"]
    subprocess.run([*command, *arrivals], check=True, stdout=subprocess.DEVNULL)
    starts = pq.read_table(path / "sessions.parquet", columns=["start_ns"])["start_ns"].to_pylist()
    bins = [0] * 10
    for start in starts:
        bins[start % CHUNK_NS * 10 // CHUNK_NS] += 1
    chi2 = sum((count - 100) ** 2 / 100 for count in bins)
    counts = " | ".join(str(count) for count in bins)
    return [
        "## Phases of 1,000 prepared sessions",
        "",
        "| " + " | ".join(f"{2 * n}–{2 * n + 2} ms" for n in range(10)) + " |",
        "| " + " | ".join("---" for _ in bins) + " |",
        f"| {counts} |",
        "",
        f"χ² = {chi2:.1f} with 9 degrees of freedom (even at 95 % below 16.9).",
    ]


def memory_section(bench: Bench, sessions: int) -> list[str]:
    few, many = bench.ours(10, None, 100), bench.ours(sessions, None, 100)
    each = (many.rss_mb - few.rss_mb) * 1024 / (sessions - 10)
    return [
        f"## Memory of {sessions} sessions of 100 ms chunks",
        "",
        f"{many.rss_mb:.0f} MB, against {few.rss_mb:.0f} MB for 10: {each:.1f} KB a session; lag p99 "
        f"{shown(many.lag['p99'])}, {many.connections} connections.",
    ]


def machine() -> list[str]:
    cpu = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.split(": ")[1]
            break
    today = datetime.now(timezone.utc).date().isoformat()
    return [f"{today}, {cpu}, {os.cpu_count()} cores, Linux {platform.release()}, loopback.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke test of short runs")
    parser.add_argument("--only", nargs="*", help="schedule, against, long, phases, memory")
    parser.add_argument("--output", type=Path, help="also write the tables to this file")
    args = parser.parse_args()
    rounds, seconds = (1, WARMUP_S + 3) if args.quick else (args.rounds, WARMUP_S + 30)
    bench = Bench(seconds)
    sections: dict[str, Callable[[], list[str]]] = {
        "schedule": lambda: schedule_section(
            bench, [100] if args.quick else [100, 500, 1000, 2000], rounds
        ),
        "against": lambda: against_section(
            bench, [20] if args.quick else [100, 200], 50 if args.quick else 1000, rounds
        ),
        "long": lambda: long_section(bench, 20 if args.quick else 600),
        "phases": lambda: phase_section(bench),
        "memory": lambda: memory_section(bench, 100 if args.quick else 5000),
    }
    lines = machine()
    try:
        for name in args.only or sections:
            lines += [*sections[name](), ""]
    finally:
        shutil.rmtree(bench.place, ignore_errors=True)
    text = "\n".join(lines)
    print(text)
    if args.output:
        args.output.write_text(text)


if __name__ == "__main__":
    main()
