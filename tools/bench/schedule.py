"""Measures how well the schedule is kept, beside other senders, and prints tables in Markdown.

    python3 -m venv venv && venv/bin/pip install -r tools/bench/requirements.txt
    venv/bin/python tools/bench/schedule.py            # all, 5 rounds, over an hour
    venv/bin/python tools/bench/schedule.py --quick    # a smoke test of a minute
    venv/bin/python tools/bench/schedule.py --before OLD --voicelt NEW --sink SINK    # a quarter of an hour

Sender and receiver are pinned to a core each. All sides of a table are measured in one run, in
turns; figures are medians of the rounds. Rows whose receiver was over 80 % busy, with over 2 % of
steal, or with chunks that did not arrive, are marked and not to be judged. CPU, steal and memory
growth are those of the steady part.

With `--before` there is one table, of two builds that run in pairs, the older first in every other one.
The interval is that of Student's t on the logarithms of the pairs' ratios; a pair of which a run is not
to be judged is left out. Both builds should be of one profile.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path

import pyarrow.parquet as pq

from measure import CHUNK_NS, SENDER_CORE, SINK_CORE, WARMUP_S, Run, judge_arrivals, lag_of, measure, micros
from programs import ROOT, built

CLIENTS = Path(__file__).parent / "clients"
# Steady part of the runs of a pair.
PAIRED_S = 15
# Of Student's t with 1, 2, … degrees of freedom the value below which 97.5 % are. With more it is
# smaller by little.
T_975 = [
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
]


class Bench:
    """Binaries, a place for files, and the senders. Binaries that are not given are built."""

    def __init__(self, seconds: int, given: dict[str, Path | None] | None = None) -> None:
        self.seconds = seconds
        self.given = given
        self.voicelt, self.sink = built("voicelt", "sink", given=given)
        self.place = Path(tempfile.mkdtemp(prefix="voicelt-bench-"))
        self.traces: dict[tuple[int, int, int], Path] = {}

    @cached_property
    def baseline(self) -> Path:
        return built("baseline", given=self.given)[0]

    def trace(self, sessions: int, seconds: int, chunk_ms: int, voicelt: Path | None = None) -> Path:
        """One utterance of `seconds` a session, starts spread over a second."""
        key = (sessions, seconds, chunk_ms)
        if key not in self.traces:
            path = self.place / f"{sessions}-{seconds}-{chunk_ms}.vtrace"
            prepare = [str(voicelt or self.voicelt), "--quiet", "prepare", "--synth", f"speech-like:{seconds}s"]
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
        voicelt: Path | None = None,
        messages: bool = False,
    ) -> Run:
        """Our own replay, by this build or by another; `before` may put something before the sink and
        return its address."""
        seconds = seconds or self.seconds
        run = Run("voicelt", sessions, expected=sessions * seconds * 1000 // chunk_ms)
        more = ["--messages"] if messages else []
        trace = self.trace(sessions, seconds, chunk_ms)
        return self.replayed(run, trace, seconds, lambda target: [before(target), *more], chunk_ms, voicelt)

    def replayed(
        self,
        run: Run,
        trace: Path,
        seconds: int,
        target: Callable[[str], list[str]],
        chunk_ms: int = 20,
        voicelt: Path | None = None,
        sink_options: Sequence[str] = (),
        starting_within_s: float = math.inf,
    ) -> Run:
        """A replay, to what `target` makes of the sink's address; the receiver's error is that of the sessions that
        start within so long after the first."""
        out = self.place / "run"
        shutil.rmtree(out, ignore_errors=True)

        def command(address: str) -> list[str]:
            replay = [str(voicelt or self.voicelt), "--quiet", "replay", str(trace), "-t", *target(address)]
            return [*replay, "-o", str(out), "--workers", "1", "--allow-invalid", "--force"]

        run, _, log = measure(self.sink, self.place, run, seconds, command, sink_options=sink_options)
        manifest = json.loads((out / "run.json").read_text())
        run.connections = manifest["spec"]["connections"]
        lag = manifest["summary"]["lag"]
        run.lag, run.verdict = micros(lag), manifest["verdict"]["level"]
        run.late_chunks, run.blocked_chunks = lag["late_chunks"], lag.get("blocked_chunks", 0)
        run.said_late = 100 * (run.late_chunks + run.blocked_chunks) / lag["chunks"]
        lost = re.search(r"(\d+) result rows could not be kept", " ".join(manifest["verdict"]["reasons"]))
        run.rows_lost = int(lost[1]) if lost else 0
        rows = pq.read_table(out / "requests.parquet", columns=["wire_session_id", "intended_start_ns"])
        starts = dict(zip(*(column.to_pylist() for column in rows.columns)))
        latest = min(starts.values()) + starting_within_s * 1e9
        epoch = manifest["epoch"]["monotonic_ns"]
        starts = {name: epoch + at for name, at in starts.items() if at <= latest}
        judge_arrivals(run, log, starts, chunk_ms * 1_000_000)
        return run

    def other(
        self,
        side: str,
        sessions: int,
        command: Callable[[str, str], list[str]],
        sink_options: Sequence[str] = (),
    ) -> Run:
        """A sender that writes its plan of starts to a file and prints its own lag."""
        run = Run(side, sessions, expected=sessions * self.seconds * 50)
        plan = self.place / "plan.csv"
        run, printed, log = measure(
            self.sink,
            self.place,
            run,
            self.seconds,
            lambda target: command(target, str(plan)),
            sink_options=sink_options,
        )
        run.lag = lag_of(printed)
        lines = [line.rsplit(",", 1) for line in plan.read_text().splitlines()]
        judge_arrivals(run, log, {name: int(at) for name, at in lines}, CHUNK_NS)
        return run

    def rust(self, kind: str, sessions: int) -> Run:
        baseline = str(self.baseline)

        def command(target: str, plan: str) -> list[str]:
            return [baseline, kind, f"http://{target}", str(sessions), str(self.seconds), plan]

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


def paired_section(bench: Bench, before: Path, loads: list[tuple[int, bool]], pairs: int) -> list[str]:
    cells = ["lag p50 / p99", "receiver error p50 / p99", "late: said / seen", "verdict", "rows lost"]
    cells = ["sessions", "build", *cells, "CPU per 1,000 chunks", "receiver busy"]
    cells += ["after / before: CPU (95 % interval), error p99", "pairs"]
    lines = ["## Two builds in turns", "", f"{bench.seconds - WARMUP_S} s after the warm-up; medians.", ""]
    lines += ["| " + " | ".join(cells) + " |", "| " + " | ".join("---" for _ in cells) + " |"]
    builds = {"before": before, "after": bench.voicelt}
    for sessions, messages in loads:
        # Both read it, and a trace of the older build is one that users have.
        bench.trace(sessions, bench.seconds, 20, before)
        name = f"{sessions}, --messages" if messages else str(sessions)
        judged: dict[str, list[Run]] = {name: [] for name in builds}
        for number in range(pairs):
            order = list(builds)[:: 1 if number % 2 == 0 else -1]
            sides = {
                build: (lambda b=build: bench.ours(sessions, voicelt=builds[b], messages=messages)) for build in order
            }
            print(f"{name} sessions, pair {number + 1} of {pairs}", file=sys.stderr, flush=True)
            found = interleaved(sides, 1)
            if all(build in found and found[build][0].judged for build in builds):
                for build, runs in found.items():
                    judged[build] += runs
        lines += paired_rows(name, judged, pairs)
    return lines


def paired_rows(sessions: str, judged: dict[str, list[Run]], pairs: int) -> list[str]:
    """A row of each build; the second has what the pairs say."""
    rows = []
    for name, runs in judged.items():
        if not runs:
            rows.append(f"| {sessions} | {name} |" + " – |" * 8 + f" 0 of {pairs} |")
            continue
        cells = [sessions, name, *judged_cells(runs)]
        if name == "after":
            befores, afters = judged.values()
            ratio, interval = ratio_of_pairs([r.cpu_ms for r in befores], [r.cpu_ms for r in afters])
            said = f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "–"
            error, _ = ratio_of_pairs([r.error["p99"] for r in befores], [r.error["p99"] for r in afters])
            cells += [f"{ratio:.3f} ({said}), {error:.3f}", f"{len(runs)} of {pairs}"]
        else:
            cells += ["", ""]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def judged_cells(runs: list[Run]) -> list[str]:
    """What is told of runs of one kind."""
    return [
        " / ".join(shown(median(runs, lambda r: r.lag[q])) for q in ("p50", "p99")),
        " / ".join(shown(median(runs, lambda r: r.error[q])) for q in ("p50", "p99")),
        f"{median(runs, lambda r: r.said_late):.3g} / {median(runs, lambda r: r.seen_late):.3g} %",
        ", ".join(sorted({run.verdict for run in runs})),
        f"{median(runs, lambda r: r.rows_lost):,.0f}",
        f"{median(runs, lambda r: r.cpu_ms):.2f} ms",
        f"{median(runs, lambda r: r.sink_busy):.0f} %",
    ]


def overload_section(bench: Bench, loads: list[tuple[int, bool]], rounds: int) -> list[str]:
    """From less to more than a core can send: what the sender says of itself, and what the receiver saw."""
    cells = ["lag p50 / p99", "receiver error p50 / p99", "late: said / seen", "verdict", "rows lost"]
    cells = ["sessions", *cells, "CPU per 1,000 chunks", "receiver busy", ""]
    lines = ["## More than a core can send", ""]
    lines += ["| " + " | ".join(cells) + " |", "| " + " | ".join("---" for _ in cells) + " |"]
    names = {f"{sessions}, --messages" if messages else str(sessions): (sessions, messages) for sessions, messages in loads}
    sides = {name: (lambda load=load: bench.ours(load[0], messages=load[1])) for name, load in names.items()}
    for name, runs in interleaved(sides, rounds).items():
        note = "" if all(run.judged for run in runs) else "not judged"
        lines.append("| " + " | ".join([name, *judged_cells(runs), note]) + " |")
    return lines


def floor_section(bench: Bench) -> list[str]:
    """What the writes alone cost."""
    (floor,) = built("floor", given=bench.given)
    command = ["taskset", "-c", f"{SENDER_CORE},{SINK_CORE}", str(floor)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    one, many = found["one_ns"] / 1000, found["of_24_ns"] / 1000
    return [
        "## The least",
        "",
        f"Of 100,000 chunks a second over loopback, each in a write of its own: {one:.1f} ms per 1,000 chunks; 24 to a "
        f"write: {many:.2f} ms. The receiver reads and throws away.",
    ]


def ratio_of_pairs(ones: list[float], twos: list[float]) -> tuple[float, tuple[float, float] | None]:
    """The geometric mean of the pairs' ratios, twos to ones, and its 95 % interval; none of one pair."""
    logs = [math.log(two / one) for one, two in zip(ones, twos)]
    mean = statistics.fmean(logs)
    if len(logs) < 2:
        return math.exp(mean), None
    t = T_975[min(len(logs) - 1, len(T_975)) - 1]
    half = t * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), (math.exp(mean - half), math.exp(mean + half))


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
    parser.add_argument("--only", nargs="*", help="schedule, against, overload, floor, long, phases, memory")
    parser.add_argument("--output", type=Path, help="also write the tables to this file")
    for name in ("voicelt", "sink", "baseline", "floor"):
        parser.add_argument(f"--{name}", type=Path, help="take this program instead of building it")
    parser.add_argument("--before", type=Path, help="an older voicelt, to be measured in turns with it")
    parser.add_argument("--sizes", nargs="*", help="sessions of the loads, with --before")
    parser.add_argument("--pairs", type=int, default=9, help="so many at each load, with --before")
    args = parser.parse_args()
    if args.before and args.only:
        parser.error("--before has a table of its own: leave --only out")
    rounds, pairs = (1, 2) if args.quick else (args.rounds, args.pairs)
    steady = 3 if args.quick else PAIRED_S if args.before else 30
    given = {"voicelt": args.voicelt, "sink": args.sink, "baseline": args.baseline, "floor": args.floor}
    bench = Bench(WARMUP_S + steady, given)
    sections: dict[str, Callable[[], list[str]]] = {
        "schedule": lambda: schedule_section(
            bench, [100] if args.quick else [100, 500, 1000, 2000], rounds
        ),
        "against": lambda: against_section(
            bench, [20] if args.quick else [100, 200], 50 if args.quick else 1000, rounds
        ),
        "overload": lambda: overload_section(
            bench, [(100, False)] if args.quick else [(n, m) for n in (1000, 2000, 3000, 4000) for m in (False, True)], rounds
        ),
        "floor": lambda: floor_section(bench),
        "long": lambda: long_section(bench, 20 if args.quick else 600),
        "phases": lambda: phase_section(bench),
        "memory": lambda: memory_section(bench, 100 if args.quick else 5000),
    }
    if args.before:
        before = args.before.resolve(strict=True)
        few = [int(size) for size in args.sizes or []] or ([100] if args.quick else [100, 1000, 2000, 3000])
        loads = [(size, False) for size in few] + [(size, True) for size in few if size == 2000]
        sections = {"paired": lambda: paired_section(bench, before, loads, pairs)}
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
