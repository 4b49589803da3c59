#!/usr/bin/env python3
"""Demands that two builds of voicelt write the same rows but for times.

    tools/ci/same_rows.py --before VOICELT --after VOICELT

Needs polars, and five minutes. What both builds do, against the reference gateway of the one before
with a fixed seed, fixed delays, and a share of failing answers and of stray transcripts:

- demo: a replay of traces/demo.vtrace;
- barge-in: a replay whose callers speak into answers;
- recording: a recorder, through which the build before replays the same calls;
- replayed: a replay of the recording that the build before has made;
- users: a closed loop with two utterances a request, and the trace that it writes (users' trace).

And in the part `gateway` the build before replays the same calls against the gateway of each.

Tables are compared row by row if both wrote them; tables and columns that only one has are listed.
A column is of one of these kinds, by rows.py. One that is not named there and is no instant or
duration by its name is an error, until it is decided what it is.

- same: values are equal.
- planned: instants of the plan are equal, counted from the first utterance. Where callers wait for
  answers these are times.
- time: when something happened, or how long it took; there is a value in both or in neither.
- not compared: what the run is called, and what the machine was like.

The run's id and the gateway's address are taken out of names. The gateway draws its answers by the
session's name, in which a closed loop has the run's id: a relay before it puts zeros in its place.

Not compared, because it depends on the moment:

- single seconds of the timeline: totals are.
- silence that callers send while they wait for an answer (barge-in, users): how many messages or
  events it is, and totals of chunks. Other messages are numbered without it.
- in a closed loop, the connection, the part of the run, how many other sessions were open, and in
  which order sessions started: users move against each other.
- trace.json, run.json, and what is printed.

A busy machine can still change what comes first, and so how many sessions wait, or whose answer is
whose. How late chunks left is printed; rows that differ in such a run say little.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from rows import Compared, Made, compare, fail

DEMO = Path(__file__).resolve().parents[2] / "traces" / "demo.vtrace"
# With these delays, and callers who speak into an answer so late, nothing that two sides do in
# either order comes within 100 ms, but for utterances of the demo that end together.
GATEWAY = [
    *("gateway", "--listen", "127.0.0.1:0", "--seed", "12", "--asr-final", "60ms"),
    *("--llm-first-token", "50ms", "--llm-token-interval", "5ms", "--tts-first-audio", "1s"),
    *("--tts-rtf", "0.01", "--error-rate", "0.1", "--stray-interims", "0.3"),
]
BARGE_IN = "390ms"
# Four calls of two utterances from an open microphone.
CALLS = [
    *("--synth", "speech-like:1s", "--synth", "speech-like:1600ms", "--turns", "2"),
    *("--answer-time", "4s", "--think-time", "500ms", "--arrivals", "constant:2/s"),
    *("--sessions", "4"),
]
USERS = [
    *("--users", "3", "--duration", "60s", "--requests-per-user", "2", "--turns-per-session", "2"),
    *("--ramp-up", "900ms", "--think-time", "300ms..900ms", "--pick", "random", "--seed", "5"),
]
# Of replays and closed loops.
ALL = ["--messages", "--allow-invalid", "--force", "--quiet"]
# Chunks that leave later may change what comes first.
MOST_LATE_MS = 5
RUN_S = 180
END_S = 60


def environment() -> dict[str, str]:
    """Without settings that the command lines here do not have."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VOICELT_")}


def do(place: Path, *command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=place, env=environment(), capture_output=True, text=True, timeout=RUN_S
    )
    if done.returncode != 0:
        fail(f"{' '.join(words)} ended with {done.returncode}: {done.stdout}{done.stderr}")


@contextlib.contextmanager
def server(place: Path, *command: object) -> Iterator[str]:
    """Where a server listens; it must end cleanly when it is interrupted."""
    words = [str(word) for word in command]
    process = subprocess.Popen(
        words, cwd=place, env=environment(), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    said = ""
    try:
        for line in process.stderr:
            said += line
            if found := re.search(r"listening on ([^,\s]+)", line):
                yield found[1]
                process.send_signal(signal.SIGINT)
                said += process.communicate(timeout=END_S)[1]
                break
        if process.wait(END_S) != 0:
            fail(f"{' '.join(words)} ended with {process.returncode}: {said}")
    finally:
        process.kill()
        process.wait()


# --- The relay of closed loops --------------------------------------------------------------------


class Relay(socketserver.ThreadingTCPServer):
    """Carries calls to a gateway, with zeros in place of the run's id in names of sessions."""

    daemon_threads = True

    def __init__(self, gateway: str) -> None:
        host, _, port = gateway.rpartition(":")
        self.gateway = (host, int(port))
        self.names: set[bytes] = set()
        super().__init__(("127.0.0.1", 0), Connection)

    def renamed(self, data: bytes) -> bytes:
        """A name is in the first message of a call, which is not split on loopback."""

        def rename(found: re.Match[bytes]) -> bytes:
            self.names.add(found[1])
            return b"00000000" + found[1]

        return re.sub(rb"[0-9a-f]{8}(-u\d{4}-r\d{5}-0)", rename, data)


class Connection(socketserver.BaseRequestHandler):
    """One connection through the relay."""

    server: Relay

    def handle(self) -> None:
        caller = self.request
        with socket.create_connection(self.server.gateway) as gateway:
            for side in (caller, gateway):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=carry, args=(gateway, caller, bytes), daemon=True)
            back.start()
            carry(caller, gateway, self.server.renamed)
            back.join()


def carry(source, sink, changed) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 20):
            sink.sendall(changed(data))
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relay(gateway: str) -> Iterator[tuple[str, set[bytes]]]:
    """Where it listens, and the names that it has seen."""
    with Relay(gateway) as between:
        threading.Thread(target=between.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{between.server_address[1]}", between.names
        finally:
            between.shutdown()


# --- What both do ---------------------------------------------------------------------------------


class Bench:
    """Both builds, and a place for what they make."""

    def __init__(self, before: Path, after: Path, place: Path) -> None:
        self.before = before
        self.builds = {"before": before, "after": after}
        self.place = place

    def replay(self, build: Path, trace: Path, target: str, to: str, *how: str) -> Made:
        made = Made(self.place / f"{to}.run", target, waits=bool(how))
        command = [build, "replay", trace, "-t", target, "--run-dir", made.place]
        do(self.place, *command, "--keep-session-ids", *how, *ALL)
        return made

    def replays(self, part: str, trace: Path, gateway: str, *how: str) -> list[Made]:
        builds = self.builds.items()
        return [self.replay(build, trace, gateway, f"{part}-{s}", *how) for s, build in builds]

    def recording(self, side: str, trace: Path, gateway: str) -> Made:
        made = Made(self.place / f"recording-{side}.vtrace")
        command = [self.builds[side], "record", "--listen", "127.0.0.1:0", "--upstream", gateway]
        keep = ["--keep", "audio,text", "-o", made.place]
        with server(self.place, *command, *keep) as recorder:
            self.replay(self.before, trace, recorder, f"recording-{side}")
        do(self.place, self.builds[side], "trace", "check", made.place)
        return made

    def users(self, side: str, gateway: str) -> tuple[Made, Made]:
        """A closed loop, and the trace that it writes."""
        trace = Made(self.place / f"users-{side}.vtrace", waits=True, users=True)
        with relay(gateway) as (target, names):
            run = Made(self.place / f"users-{side}.run", target, waits=True, users=True)
            command = [self.builds[side], "run", *USERS, "-a", DEMO, "-t", target]
            do(self.place, *command, "--run-dir", run.place, "--emit-trace", trace.place, *ALL)
        sessions = run.read("requests")["session_id"].n_unique()
        if len(names) != sessions:
            fail(f"the relay saw the names of {len(names)} of {sessions} sessions")
        return run, trace

    def parts(self) -> Iterator[tuple[str, Made, Made]]:
        """The name of each part, and what was made in it before and after."""
        calls = self.place / "calls.vtrace"
        do(self.place, self.before, "prepare", *CALLS, "-o", calls, "--quiet")
        with server(self.place, self.before, *GATEWAY) as gateway:
            yield "demo", *self.replays("demo", DEMO, gateway)
            yield "barge-in", *self.replays("barge-in", calls, gateway, "--barge-in", BARGE_IN)
            first, second = (self.recording(side, calls, gateway) for side in self.builds)
            yield "recording", first, second
            yield "replayed", *self.replays("replayed", first.place, gateway)
            runs, traces = zip(*(self.users(side, gateway) for side in self.builds), strict=True)
            yield "users", *runs
            yield "users' trace", *traces
            one = self.replay(self.before, calls, gateway, "gateway-before")
        with server(self.place, self.builds["after"], *GATEWAY) as gateway:
            yield "gateway", one, self.replay(self.before, calls, gateway, "gateway-after")


def line(cells: list[object] | list[str]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for side in ("--before", "--after"):
        parser.add_argument(side, required=True, metavar="VOICELT", type=Path)
    args = parser.parse_args()
    before, after = (path.resolve(strict=True) for path in (args.before, args.after))
    alone: list[str] = []
    faults: list[str] = []
    late: dict[str, float] = {}
    print(line(Compared.HEAD), line(["---"] * len(Compared.HEAD)), sep="\n")
    with tempfile.TemporaryDirectory(prefix="voicelt-rows-") as place:
        for part, first, second in Bench(before, after, Path(place)).parts():
            ones, twos = first.tables(), second.tables()
            if first.is_run:
                late[part] = max(first.late_ms(), second.late_ms())
            alone += [f"{part}: {table} (before)" for table in sorted(ones - twos)]
            alone += [f"{part}: {table} (after)" for table in sorted(twos - ones)]
            for table in sorted(ones & twos):
                found = compare(part, table, first, second)
                print(line(found.cells), flush=True)
                faults += found.shown
    said = ", ".join(f"{part} {ms:.1f} ms" for part, ms in late.items())
    print(f"\nChunks left at most so late: {said}.")
    if alone:
        print(f"Tables that one wrote alone, not compared: {', '.join(alone)}.")
    print("\n".join(faults) if faults else "All rows are the same but for times.")
    if faults and max(late.values()) > MOST_LATE_MS:
        print(f"Chunks were over {MOST_LATE_MS} ms late: run it again on a quiet machine.")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
