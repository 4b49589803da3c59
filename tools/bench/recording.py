"""Record, replay, record again: the second recording must be the first, to a millisecond.

    venv/bin/python tools/bench/recording.py            # 50 calls over 60 s
    venv/bin/python tools/bench/recording.py --quick    # a smoke test; times are not judged

Calls of two turns from an open microphone are replayed through a recorder before `voicelt gateway`;
its trace is replayed through another. Of each call the chunks' sizes and audio and the number of
turns must be equal; their instants since the call's start are compared.
"""

from __future__ import annotations

import argparse
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


def record(voicelt: str, trace: Path, out: Path) -> None:
    gateway = Server([voicelt, "gateway", "--listen", "127.0.0.1:0", "--slots", "100"])
    listen = ["--listen", "127.0.0.1:0", "--upstream", gateway.address]
    recorder = Server([voicelt, "record", *listen, "-o", str(out), "--keep", "audio,text"])
    replay = [voicelt, "--quiet", "replay", str(trace), "-t", recorder.address, "--keep-session-ids"]
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


def calls(bundle: Path) -> dict[str, tuple[int, Chunks]]:
    """Of each call: its turns, and each chunk's instant since its start and audio."""
    clips = {}
    for clip in pq.read_table(bundle / "clips.parquet").to_pylist():
        with wave.open(str(bundle / clip["file"])) as file:
            clips[clip["clip"]] = file.readframes(file.getnframes())
    sessions = {row["session"]: row for row in pq.read_table(bundle / "sessions.parquet").to_pylist()}
    found: dict[str, tuple[int, Chunks]] = {
        row["session_id"]: (row["turns"], []) for row in sessions.values()
    }
    for event in pq.read_table(bundle / "events.parquet").to_pylist():
        session = sessions[event["session"]]
        size = event["chunk_bytes"]
        for k in range(event["count"]):
            if event["kind"] == "audio":
                start = event["offset_bytes"] + k * size
                pcm = clips[event["clip"]][start : start + size]
            elif event["kind"] == "fill":
                pcm = bytes(size)
            else:
                continue
            left_ns = event["at_ns"] + (k + 1) * event["interval_ns"] - session["start_ns"]
            found[session["session_id"]][1].append((left_ns, pcm))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="a smoke test; times are not judged")
    args = parser.parse_args()
    voicelt, place = str(built("voicelt")[0]), Path(tempfile.mkdtemp(prefix="voicelt-bench-"))
    sessions, seconds = (6, 4) if args.quick else (50, 60)
    try:
        prepare = [voicelt, "--quiet", "prepare", "--synth", "speech-like:3s", "--turns", "2"]
        shape = ["--arrivals", f"uniform:{sessions}", "--duration", f"{seconds}s"]
        first = place / "calls.vtrace"
        command = [*prepare, *shape, "-o", str(first)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        one, two = place / "one.vtrace", place / "two.vtrace"
        record(voicelt, first, one)
        record(voicelt, one, two)
        ones, twos = calls(one), calls(two)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if set(ones) != set(twos) or len(ones) != sessions:
        sys.exit(f"{len(ones)} calls were recorded first, and {len(twos)} then, of {sessions}")
    apart, chunks = [], 0
    for name, (turns, first_chunks) in ones.items():
        again_turns, again = twos[name]
        if turns != again_turns:
            sys.exit(f"{name}: {turns} turns, and {again_turns} in the second recording")
        if [pcm for _, pcm in first_chunks] != [pcm for _, pcm in again]:
            sys.exit(f"{name}: other chunks in the second recording")
        chunks += len(again)
        apart += [abs(a - b) for (a, _), (b, _) in zip(first_chunks, again)]
    p50, p99, most = (float(np.quantile(apart, q)) / 1e3 for q in (0.5, 0.99, 1.0))
    print("\n".join(machine()))
    print("| calls | chunks | sizes, audio, turns | instants apart p50 / p99 / max |")
    print("| --- | --- | --- | --- |")
    print(f"| {sessions} | {chunks} | equal | {shown(p50)} / {shown(p99)} / {shown(most)} |")
    if p99 > 1000 and not args.quick:
        sys.exit("p99 is over a millisecond")


if __name__ == "__main__":
    main()
