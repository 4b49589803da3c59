"""Runs one sender against the sink, each pinned to a core of its own, and measures both."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

SENDER_CORE, SINK_CORE = "0", "1"
CHUNK_NS = 20_000_000
WARMUP_S = 5
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
QUANTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


@dataclass
class Run:
    """What one sender made of one load."""

    side: str
    sessions: int
    lag: dict[str, float] = field(default_factory=dict)
    error: dict[str, float] = field(default_factory=dict)
    gap: dict[str, float] = field(default_factory=dict)
    cpu_ms: float = 0.0
    rss_growth_mb: float = 0.0
    rss_mb: float = 0.0
    sink_busy: float = 0.0
    steal: float = 0.0
    arrived: int = 0
    expected: int = 0
    connections: int = 0
    drift_us: float = 0.0
    first_p99: float = 0.0
    last_p99: float = 0.0
    # Shares of the chunks in percent, of the whole run: late or blocked by what the sender says, and late
    # at the receiver.
    said_late: float = 0.0
    seen_late: float = 0.0
    # How many it says itself.
    late_chunks: int = 0
    blocked_chunks: int = 0
    verdict: str = ""
    rows_lost: int = 0

    @property
    def judged(self) -> bool:
        return self.sink_busy <= 80 and self.steal <= 2 and self.arrived == self.expected


class Server:
    """Something that says where it listens, once it does."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        said = []
        for line in self.process.stderr:
            found = re.search(r"listening on ([^,\s]+)", line)
            if found:
                self.address = found[1]
                return
            said.append(line)
        raise RuntimeError(f"{command[0]} ended: {''.join(said)}")

    def stop(self) -> str:
        """Ends it and returns what it has said."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=120)[1]


class Sink:
    """The receiver, started afresh for each run."""

    def __init__(self, binary: Path, log: Path, options: Sequence[str] = ()) -> None:
        self.log = log
        command = ["taskset", "-c", SINK_CORE, str(binary), str(log), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.target = self.process.stderr.readline().split()[-1]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def ticks() -> tuple[int, int]:
    fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields), fields[7]


@dataclass
class Sample:
    """What was used up to an instant."""

    at: float
    sender_cpu: float
    sink_cpu: float
    ticks: tuple[int, int]
    rss_mb: float


class Sampler(threading.Thread):
    """Samples sender, sink and machine twice a second."""

    def __init__(self, sender: int, sink: int) -> None:
        super().__init__(daemon=True)
        self.pids = (sender, sink)
        self.samples: list[Sample] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.5):
            try:
                sender, sink = (cpu_s(pid) for pid in self.pids)
                status = Path(f"/proc/{self.pids[0]}/status").read_text()
            except OSError:
                return
            found = re.search(r"VmRSS:\s+(\d+)", status)
            rss_mb = int(found[1]) / 1024 if found else 0.0
            self.samples.append(Sample(time.monotonic(), sender, sink, ticks(), rss_mb))

    def steady(self, seconds: int) -> tuple[Sample, Sample]:
        """The first and the last sample of the steady part of a load of so many seconds."""
        first = self.samples[0].at
        inside = [s for s in self.samples if WARMUP_S <= s.at - first <= seconds]
        return inside[0], inside[-1]


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def quantiles(values: np.ndarray) -> dict[str, float]:
    """In microseconds."""
    values = np.sort(values)
    last = len(values) - 1
    return {name: float(values[int(last * q)]) / 1e3 for name, q in QUANTILES.items()}


def arrivals(log: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], int]:
    """Sequence numbers and monotonic instants of each session's chunks."""
    table = pq.read_table(log, columns=["wire_session_id", "seq", "received_ns"])
    notes = pq.read_metadata(log).metadata or {}
    epoch = int(notes[b"epoch_monotonic_ns"])
    names = table["wire_session_id"].combine_chunks().dictionary_encode()
    codes = names.indices.to_numpy()
    seq, at = table["seq"].to_numpy(), table["received_ns"].to_numpy() + epoch
    order = np.argsort(codes, kind="stable")
    codes, seq, at = codes[order], seq[order], at[order]
    bounds = np.searchsorted(codes, np.arange(len(names.dictionary) + 1))
    sessions = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        part = slice(bounds[code], bounds[code + 1])
        chunks = seq[part] > 0
        sessions[name] = (seq[part][chunks], at[part][chunks])
    return sessions, len(seq)


def judge_arrivals(run: Run, log: Path, starts: dict[str, int], chunk_ns: int) -> None:
    """Fills in the receiver's error against `starts`, monotonic, and its gap error. If there are any, other sessions
    are left out, and so is what an open microphone sends after a session's share of what is expected."""
    sessions, _ = arrivals(log)
    errors, gaps, intended, late, known = [], [], [], 0, 0
    warm_seq = WARMUP_S * 1_000_000_000 // chunk_ns
    share = run.expected // run.sessions
    for name, (seq, at) in sessions.items():
        if starts and name not in starts:
            continue
        seq, at = seq[seq <= share], at[seq <= share]
        warm = seq > warm_seq
        run.arrived += len(seq)
        gaps.append(np.abs(np.diff(at[warm]) - np.diff(seq[warm].astype(np.int64)) * chunk_ns))
        if name in starts:
            late += int(np.sum(at - (starts[name] + seq.astype(np.int64) * chunk_ns) > chunk_ns))
            known += len(seq)
            due = starts[name] + seq[warm].astype(np.int64) * chunk_ns
            intended.append(due)
            errors.append(at[warm] - due)
    run.gap = quantiles(np.concatenate(gaps))
    if not errors:
        return
    run.seen_late = 100 * late / known
    error, due = np.concatenate(errors), np.concatenate(intended)
    run.error = quantiles(error)
    at_s = (due - due.min()) / 1e9
    run.drift_us = float(np.polyfit(at_s, error / 1e3, 1)[0] * at_s.max())
    part = 60 if at_s.max() > 120 else at_s.max() / 10
    run.first_p99 = float(np.quantile(error[at_s <= part], 0.99)) / 1e3
    run.last_p99 = float(np.quantile(error[at_s >= at_s.max() - part], 0.99)) / 1e3


def measure(
    sink_binary: Path,
    place: Path,
    run: Run,
    seconds: int,
    command: Callable[[str], list[str]],
    env: dict[str, str] | None = None,
    stderr: int = subprocess.PIPE,
    sink_options: Sequence[str] = (),
) -> tuple[Run, str, Path]:
    """Runs a load of `seconds` against a fresh sink; returns what it printed and the log. Its errors
    may go to a terminal instead."""
    log = place / "arrivals.parquet"
    sink = Sink(sink_binary, log, sink_options)
    try:
        process = subprocess.Popen(
            ["taskset", "-c", SENDER_CORE, *command(sink.target)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**os.environ, **(env or {})},
            text=True,
        )
    except BaseException:
        sink.stop()
        raise
    sampler = Sampler(process.pid, sink.process.pid)
    sampler.start()
    printed, errors = process.communicate()
    sampler.over.set()
    sink.stop()
    first, last = sampler.steady(seconds)
    span = last.at - first.at
    chunks = run.expected / seconds * span
    run.sink_busy = (last.sink_cpu - first.sink_cpu) / span * 100
    run.steal = (last.ticks[1] - first.ticks[1]) / max(1, last.ticks[0] - first.ticks[0]) * 100
    run.cpu_ms = (last.sender_cpu - first.sender_cpu) * 1e6 / chunks
    run.rss_mb = max(sample.rss_mb for sample in sampler.samples)
    run.rss_growth_mb = last.rss_mb - first.rss_mb
    # 99: the sink gives no answers.
    if process.returncode not in (0, 99):
        raise RuntimeError(f"{run.side} ended with {process.returncode}: {errors} {printed}")
    return run, printed, log


def lag_of(printed: str) -> dict[str, float]:
    """The sender's own figures, from the JSON that a baseline prints."""
    return micros(json.loads(printed.strip().splitlines()[-1]))


def micros(found: dict[str, float]) -> dict[str, float]:
    """The quantiles of a lag in nanoseconds, by name and in microseconds."""
    names = {"p50": "p50_ns", "p99": "p99_ns", "p99.9": "p999_ns", "max": "max_ns"}
    return {name: found[key] / 1e3 for name, key in names.items()}
