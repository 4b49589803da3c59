"""Measures the schedule over WebSockets, against a receiver that answers, and prints tables in Markdown.

    python3 -m venv venv && venv/bin/pip install -r tools/bench/requirements.txt
    venv/bin/python tools/bench/realtime.py            # all, 5 rounds, 40 minutes
    venv/bin/python tools/bench/realtime.py --quick    # a smoke test of two minutes
    venv/bin/python tools/bench/realtime.py --voicelt NEW --sink SINK --only loads --rounds 3

Sender and receiver are pinned to a core each. Half of all callers hear an answer at any time: audio in pieces of
200 ms, in base64 where the protocol is Realtime. All sides of a table are measured in one run, in turns; figures are
medians of the rounds, and so are ratios, which are those of one round. Rows whose receiver was over 80 % busy, with
over 2 % of steal, or with chunks that did not arrive, are marked and not to be judged.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import subprocess
import sys
import wave
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from measure import WARMUP_S, Run
from schedule import CLIENTS, Bench, interleaved, machine, median, shown

GRPC, REALTIME, TLS = "gRPC", "Realtime", "Realtime, TLS"
# Of the protocol, where audio is PCM16.
RATE = 24_000
# Milliseconds that the receiver waits before it accepts TLS, where that is slow.
ACCEPT_MS = 1000
# Length of the calls that come all at once.
BURST_S = 4

Measured = dict[str, list[Run]]


class Answered(Bench):
    """Senders that are answered."""

    @cached_property
    def certificates(self) -> Path:
        """A folder with an authority, and a certificate of 127.0.0.1."""
        there = self.place / "certificates"
        there.mkdir()
        (there / "name").write_text("subjectAltName=IP:127.0.0.1\n")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "name"]
        for command in [
            ["req", "-x509", *key, "-days", "2", "-subj", "/CN=bench CA", "-keyout", "ca.key", "-out", "ca.pem"],
            ["req", *key, "-subj", "/CN=bench", "-keyout", "key.pem", "-out", "asked.pem"],
            ["x509", "-req", "-days", "2", "-in", "asked.pem", *ca, "-out", "certificate.pem"],
        ]:
            subprocess.run(["openssl", *command], cwd=there, check=True, capture_output=True)
        return there

    def tls(self) -> list[str]:
        """What the receiver needs for TLS."""
        there = self.certificates
        return ["--certificate", str(there / "certificate.pem"), "--key", str(there / "key.pem")]

    def side(self, name: str, sessions: int, codec: str = "pcm16") -> Run:
        """A replay over the carrier of this name."""
        run = Run(name, sessions, expected=sessions * self.seconds * 50)
        trace = self.trace(sessions, self.seconds, 20)
        if name == GRPC:
            return self.answered(run, trace, lambda address: [address], ["--answer"])
        realtime = ["--dialect", "realtime", "--wire-format", codec]
        if name == REALTIME:
            return self.answered(run, trace, lambda address: [f"ws://{address}", *realtime], ["--realtime"])
        trusting = ["--ca", str(self.certificates / "ca.pem"), *realtime]
        receiver = ["--realtime", *self.tls()]
        return self.answered(run, trace, lambda address: [f"wss://{address}", *trusting], receiver)

    def answered(
        self,
        run: Run,
        trace: Path,
        target: Callable[[str], list[str]],
        receiver: list[str],
        starting_within_s: float = math.inf,
    ) -> Run:
        """A replay in which every session that is judged was answered with sound."""
        run = self.replayed(
            run, trace, self.seconds, target, sink_options=receiver, starting_within_s=starting_within_s
        )
        rows = pq.read_table(self.place / "run" / "requests.parquet", columns=["audio_received_samples"])
        heard = np.count_nonzero(rows["audio_received_samples"].to_numpy())
        if heard < run.sessions:
            raise RuntimeError(f"{heard} of {run.sessions} sessions were answered")
        return run

    @cached_property
    def audio(self) -> Path:
        """What the sessions of a trace say, as the protocol has it."""
        (clip,) = self.trace(1, self.seconds, 20).glob("clips/**/*.wav")
        with wave.open(str(clip)) as file:
            rate, pcm = file.getframerate(), file.readframes(file.getnframes())
        samples = np.frombuffer(pcm, dtype="<i2")
        at = np.arange(len(samples) * RATE // rate) * rate / RATE
        path = self.place / "audio.pcm"
        path.write_bytes(np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes())
        return path

    def websockets(self, sessions: int) -> Run:
        client = str(CLIENTS / "realtime_client.py")

        def command(target: str, plan: str) -> list[str]:
            load = [str(sessions), str(self.seconds), str(self.audio), plan]
            return [sys.executable, client, f"ws://{target}", *load]

        return self.other("asyncio, websockets", sessions, command, ["--realtime"])

    def accepts(self, sessions: int, burst: int, at_s: int, delay_ms: int) -> Run:
        """Sessions over TLS, and so many more that start all at once later on. Only the first are judged."""
        run = Run("voicelt", sessions, expected=sessions * self.seconds * 50)
        trace = self.trace(sessions, self.seconds, 20)
        if burst:
            trace = self.with_burst(trace, burst, at_s)
        options = ["--ca", str(self.certificates / "ca.pem"), "--dialect", "realtime"]
        receiver = ["--realtime", *self.tls(), "--accept-delay", str(delay_ms)]
        return self.answered(run, trace, lambda address: [f"wss://{address}", *options], receiver, 2)

    def with_burst(self, trace: Path, burst: int, at_s: int) -> Path:
        both = self.place / "both.vtrace"
        if not both.exists():
            late = self.place / "late.vtrace"
            voicelt = [str(self.voicelt), "--quiet"]
            prepare = [*voicelt, "prepare", "--synth", f"speech-like:{BURST_S}s", "-o", str(late)]
            merge = [*voicelt, "trace", "merge", str(trace), str(late), "-o", str(both)]
            for command in [[*prepare, "--arrivals", f"burst:{burst}@{at_s}s"], merge]:
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return both


def taken(sides: dict[str, Callable[[], Run]], rounds: int) -> Measured:
    found = interleaved(sides, rounds)
    if [len(found.get(name, [])) for name in sides] != [rounds] * len(sides):
        raise RuntimeError("a run failed: there is nothing to compare")
    return found


def quantiles(runs: list[Run], of: Callable[[Run], dict[str, float]]) -> str:
    return " / ".join(shown(median(runs, lambda r, q=q: of(r)[q])) for q in ("p50", "p99", "max"))


def watched(runs: list[Run]) -> str:
    """How busy the receiver was, and whether the runs are to be judged."""
    judged = "" if all(run.judged for run in runs) else " (not judged)"
    return f"{median(runs, lambda r: r.sink_busy):.0f} %, {median(runs, lambda r: r.steal):.1f} %{judged}"


def row(load: str, name: str, runs: list[Run]) -> list[str]:
    late = f"{median(runs, lambda r: r.said_late):.3g} / {median(runs, lambda r: r.seen_late):.3g} %"
    return [
        load,
        name,
        quantiles(runs, lambda r: r.lag),
        quantiles(runs, lambda r: r.error),
        late,
        f"{median(runs, lambda r: r.cpu_ms):.1f} ms",
        ", ".join(sorted({run.verdict for run in runs})) or "–",
        watched(runs),
    ]


HEAD = [
    "load",
    "sender",
    "lag p50 / p99 / max",
    "receiver error p50 / p99 / max",
    "late: said / seen",
    "CPU per 1,000 chunks",
    "verdict",
    "receiver busy, steal",
]


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]


def ratio(ones: list[Run], others: list[Run], of: Callable[[Run], float]) -> str:
    """Median of the rounds' ratios, and the least and the greatest."""
    rounds = [of(one) / of(other) for one, other in zip(ones, others, strict=True)]
    return f"{statistics.median(rounds):.2f} ({min(rounds):.2f} to {max(rounds):.2f})"


def ratios(load: str, name: str, ones: list[Run], others: list[Run]) -> str:
    parts = [
        f"CPU {ratio(ones, others, lambda r: r.cpu_ms)}",
        f"lag p50 {ratio(ones, others, lambda r: r.lag['p50'])}, p99 {ratio(ones, others, lambda r: r.lag['p99'])}",
        f"receiver error p50 {ratio(ones, others, lambda r: r.error['p50'])}, "
        f"p99 {ratio(ones, others, lambda r: r.error['p99'])}",
    ]
    return f"- {load}, {name}: {'; '.join(parts)}"


def loads_section(bench: Answered, loads: dict[str, tuple[int, str, list[str]]], rounds: int) -> list[str]:
    """The same trace over gRPC and over WebSockets."""
    rows, compared = [], []
    for load, (sessions, codec, names) in loads.items():
        sides = {name: (lambda n=name, s=sessions, c=codec: bench.side(n, s, c)) for name in names}
        found = taken(sides, rounds)
        rows += [row(load, name, runs) for name, runs in found.items()]
        compared += [ratios(load, f"{name} to {GRPC}", found[name], found[GRPC]) for name in names if name != GRPC]
    return ["## The same trace over gRPC and over WebSockets", "", *table(HEAD, rows), "", *compared]


def asyncio_section(bench: Answered, sessions: int, rounds: int) -> list[str]:
    sides = {"voicelt": lambda: bench.side(REALTIME, sessions), "asyncio": lambda: bench.websockets(sessions)}
    found = taken(sides, rounds)
    load = f"{sessions}, PCM16"
    return [
        "## Beside an asyncio client",
        "",
        *table(HEAD, [row(load, name, runs) for name, runs in found.items()]),
        "",
        ratios(load, "asyncio to voicelt", found["asyncio"], found["voicelt"]),
    ]


def accepts_section(bench: Answered, sessions: int, burst: int, rounds: int) -> list[str]:
    """Connections that are opened while sessions run."""
    at_s = (WARMUP_S + bench.seconds) // 2
    names = {
        "none": (0, 0),
        f"{burst}": (burst, 0),
        f"{burst}, TLS accepted after {ACCEPT_MS} ms": (burst, ACCEPT_MS),
    }
    sides = {name: (lambda of=of: bench.accepts(sessions, of[0], at_s, of[1])) for name, of in names.items()}
    head = [
        "opened at once",
        "lag p50 / p99 / max",
        "late chunks: said / seen of the sessions that run",
        "blocked chunks",
        "receiver error p50 / p99 / max",
        "receiver busy, steal",
    ]
    rows = [
        [
            name,
            quantiles(runs, lambda r: r.lag),
            f"{median(runs, lambda r: r.late_chunks):.0f} / {median(runs, seen_late):.0f}",
            f"{median(runs, lambda r: r.blocked_chunks):.0f}",
            quantiles(runs, lambda r: r.error),
            watched(runs),
        ]
        for name, runs in taken(sides, rounds).items()
    ]
    return [f"## Connections opened while {sessions} sessions run over TLS", "", *table(head, rows)]


def seen_late(run: Run) -> float:
    return run.seen_late / 100 * run.arrived


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke test of short runs")
    parser.add_argument("--only", nargs="*", choices=["loads", "asyncio", "accepts"], help="these tables")
    parser.add_argument("--output", type=Path, help="also write the tables to this file")
    for name in ("voicelt", "sink"):
        parser.add_argument(f"--{name}", type=Path, help="take this program instead of building it")
    args = parser.parse_args()
    rounds = 1 if args.quick else args.rounds
    bench = Answered(WARMUP_S + (3 if args.quick else 30), {"voicelt": args.voicelt, "sink": args.sink})
    few, many = (20, 40) if args.quick else (500, 1000)
    loads = {
        f"{few}, PCM16": (few, "pcm16", [GRPC, REALTIME, TLS]),
        f"{many}, µ-law": (many, "mulaw", [GRPC, REALTIME]),
    }
    sections: dict[str, Callable[[], list[str]]] = {
        "loads": lambda: loads_section(bench, loads, rounds),
        "asyncio": lambda: asyncio_section(bench, 20 if args.quick else 100, rounds),
        "accepts": lambda: accepts_section(bench, *((20, 20) if args.quick else (300, 200)), rounds),
    }
    lines, failed = machine(), []
    try:
        for name in args.only or sections:
            try:
                lines += [*sections[name](), ""]
            except RuntimeError as error:
                failed.append(f"{name}: {error}")
    finally:
        shutil.rmtree(bench.place, ignore_errors=True)
    text = "\n".join(lines)
    print(text)
    if args.output:
        args.output.write_text(text)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
