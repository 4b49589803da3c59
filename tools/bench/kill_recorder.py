"""Kills the recorder at random points and recovers what it left: at most a second may be missing.

    venv/bin/python tools/bench/kill_recorder.py [TIMES]    # 50 times, about 5 minutes
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq

from measure import Server
from programs import built
from schedule import machine


def last_instant(bundle: Path) -> float:
    """Of the last message in the bundle, in seconds since 1970."""
    origin = datetime.fromisoformat(json.loads((bundle / "trace.json").read_text())["origin_at"])
    events = pq.read_table(bundle / "events.parquet", columns=["at_ns", "interval_ns", "count", "kind"])
    left = [
        at + interval * count
        for at, interval, count, kind in zip(*(column.to_pylist() for column in events.columns))
        if kind in ("audio", "fill")
    ]
    return origin.timestamp() + max(left) / 1e9


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    voicelt, place = str(built("voicelt")[0]), Path(tempfile.mkdtemp(prefix="voicelt-kill-"))
    calls, live = place / "calls.vtrace", place / "live.vtrace"
    prepare = [voicelt, "--quiet", "prepare", "--synth", "speech-like:20s", "-o", str(calls)]
    shape = ["--arrivals", "constant:40/s", "--sessions", "20"]
    subprocess.run([*prepare, *shape], check=True, stdout=subprocess.DEVNULL)
    gateway = Server([voicelt, "gateway", "--listen", "127.0.0.1:0"])
    seed = random.randrange(1 << 32)
    print(f"seed {seed}", file=sys.stderr)
    points, missing = random.Random(seed), []
    try:
        for number in range(times):
            listen = ["--listen", "127.0.0.1:0", "--upstream", gateway.address, "-o", str(live)]
            recorder = Server([voicelt, "record", *listen, "--keep", "audio,text"])
            replay = [voicelt, "--quiet", "replay", str(calls), "-t", recorder.address]
            sender = subprocess.Popen(
                [*replay, "--force", "--allow-invalid", "-o", str(place / f"run{number}")],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            # Once calls are under way; before, there is nothing to lose.
            pcm = live / "journal.pcm"
            deadline = time.monotonic() + 30
            while not (pcm.exists() and pcm.stat().st_size > 0) and time.monotonic() < deadline:
                time.sleep(0.01)
            if time.monotonic() >= deadline:
                sys.exit("nothing was recorded within 30 s")
            time.sleep(points.uniform(0, 3))
            recorder.process.kill()
            killed = time.time()
            recorder.process.communicate(timeout=60)
            sender.wait(timeout=60)
            for command in ("recover", "check"):
                subprocess.run([voicelt, "trace", command, str(live)], check=True, stdout=subprocess.DEVNULL)
            missing.append(killed - last_instant(live))
            shutil.rmtree(live)
            shutil.rmtree(place / f"run{number}", ignore_errors=True)
    finally:
        gateway.stop()
        shutil.rmtree(place, ignore_errors=True)
    missing.sort()
    print("\n".join(machine()))
    print("| kills | recovered and well | missing at the end, median / most |")
    print("| --- | --- | --- |")
    print(f"| {times} | {len(missing)} | {missing[len(missing) // 2]:.2f} s / {missing[-1]:.2f} s |")
    if missing[-1] > 1:
        sys.exit("more than a second is missing")


if __name__ == "__main__":
    main()
