"""Record, replay, record again: the second recording must be the first, to a millisecond.

    venv/bin/python tools/bench/recording.py                        # each dialect, 50 calls over 60 s
    venv/bin/python tools/bench/recording.py --dialect twilio       # one of them
    venv/bin/python tools/bench/recording.py --quick                # a smoke test; times are not judged
    venv/bin/python tools/bench/recording.py --voicelt PROGRAM      # without building one

Calls of two turns from an open microphone are replayed through a recorder before `voicelt gateway`;
its trace is replayed through another. Of each call the chunks' sizes and audio, decoded, and the number of
turns must be equal; their instants since the call's configuration are compared. Over WebSockets only chunks with
sound are: the silence between them is laid anew by each replay, and ends when the answer was heard.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from measure import Server
from programs import built
from schedule import machine, shown


DIALECTS = ("stream-audio", "realtime", "twilio")


def record(voicelt: str, dialect: str, trace: Path, out: Path) -> None:
    speaks = ["--dialect", dialect]
    gateway = Server([voicelt, "gateway", "--listen", "127.0.0.1:0", "--slots", "100", *speaks])
    listen = ["--listen", "127.0.0.1:0", "--upstream", gateway.address, *speaks]
    recorder = Server([voicelt, "record", *listen, "-o", str(out), "--keep", "audio,text"])
    target = recorder.address if dialect == "stream-audio" else f"ws://{recorder.address}"
    replay = [voicelt, "--quiet", "replay", str(trace), "-t", target, "--keep-session-ids", *speaks]
    run = str(out.with_suffix(".run"))
    try:
        done = subprocess.run([*replay, "--allow-invalid", "-o", run], capture_output=True, text=True)
    finally:
        said = recorder.stop()
        gateway.stop()
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    verdict = re.search(r"verdict +(\w+)", done.stdout)
    print(f"{out.name}: replay {verdict[1] if verdict else '?'}", file=sys.stderr)
    print("".join(f"  {line}\n" for line in said.splitlines() if line.startswith("added")), end="", file=sys.stderr)
    subprocess.run([voicelt, "trace", "check", str(out)], check=True, stdout=subprocess.DEVNULL)


Chunks = list[tuple[int, bytes]]


def calls(bundle: Path, with_silence: bool) -> list[tuple[int, Chunks]]:
    """Of each call, in order of their beginning: its turns, and each chunk's instant and audio."""
    clips = {}
    for clip in pq.read_table(bundle / "clips.parquet").to_pylist():
        with wave.open(str(bundle / clip["file"])) as file:
            clips[clip["clip"]] = file.readframes(file.getnframes())
    sessions = {row["session"]: row for row in pq.read_table(bundle / "sessions.parquet").to_pylist()}
    found: dict[int, tuple[int, Chunks]] = {session: (row["turns"], []) for session, row in sessions.items()}
    configured: dict[int, int] = {}
    for event in pq.read_table(bundle / "events.parquet").to_pylist():
        size, session = event["chunk_bytes"], event["session"]
        configured.setdefault(session, event["at_ns"])
        for k in range(event["count"]):
            if event["kind"] == "audio":
                start = event["offset_bytes"] + k * size
                pcm = clips[event["clip"]][start : start + size]
            elif event["kind"] == "fill":
                pcm = bytes(size)
            else:
                continue
            left_ns = event["at_ns"] + (k + 1) * event["interval_ns"] - configured[session]
            if with_silence or any(pcm):
                found[session][1].append((left_ns, pcm))
    return sorted(found.values(), key=lambda call: [hashlib.sha256(pcm).digest() for _, pcm in call[1]])


def compared(voicelt: str, dialect: str, sessions: int, seconds: int) -> list[int]:
    """How far the instants of chunks lie apart in two recordings."""
    place = Path(tempfile.mkdtemp(prefix="voicelt-bench-"))
    try:
        prepare = [voicelt, "--quiet", "prepare", "--synth", "speech-like:3s", "--turns", "2"]
        shape = ["--arrivals", f"uniform:{sessions}", "--duration", f"{seconds}s"]
        first = place / "calls.vtrace"
        command = [*prepare, *shape, "-o", str(first)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        one, two = place / "one.vtrace", place / "two.vtrace"
        record(voicelt, dialect, first, one)
        record(voicelt, dialect, one, two)
        with_silence = dialect == "stream-audio"
        ones, twos = calls(one, with_silence), calls(two, with_silence)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if len(ones) != sessions or len(twos) != sessions:
        sys.exit(f"{dialect}: {len(ones)} calls were recorded first, and {len(twos)} then, of {sessions}")
    apart: list[int] = []
    for (turns, chunks), (again_turns, again) in zip(ones, twos):
        if turns != again_turns:
            sys.exit(f"{dialect}: {turns} turns, and {again_turns} in the second recording")
        if [pcm for _, pcm in chunks] != [pcm for _, pcm in again]:
            sys.exit(f"{dialect}: other chunks in the second recording")
        apart += [abs(a - b) for (a, _), (b, _) in zip(chunks, again)]
    return apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a smoke test; times are not judged")
    parser.add_argument("--dialect", choices=DIALECTS, help="only this one")
    parser.add_argument("--voicelt", type=Path, help="the program to measure; built where none is given")
    args = parser.parse_args()
    (voicelt,) = built("voicelt", given={"voicelt": args.voicelt})
    sessions, seconds = (6, 4) if args.quick else (50, 60)
    rows: list[str] = []
    late: list[str] = []
    for dialect in [args.dialect] if args.dialect else DIALECTS:
        apart = compared(str(voicelt), dialect, sessions, seconds)
        p50, p99, most = (float(np.quantile(apart, q)) / 1e3 for q in (0.5, 0.99, 1.0))
        figures = f"{shown(p50)} / {shown(p99)} / {shown(most)}"
        rows.append(f"| {dialect} | {sessions} | {len(apart)} | equal | {figures} |")
        late += [dialect] if p99 > 1000 else []
    print("\n".join(machine()))
    print("| dialect | calls | chunks | sizes, audio, turns | instants apart p50 / p99 / max |")
    print("| --- | --- | --- | --- | --- |")
    print("\n".join(rows))
    if late and not args.quick:
        sys.exit(f"p99 is over a millisecond: {', '.join(late)}")


if __name__ == "__main__":
    main()
