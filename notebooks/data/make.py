"""Makes the data that is shipped with the notebooks: two runs of one trace, and an invented log.

    python make.py VOICELT

Calls come ever faster for 50 seconds and then ever slower, so that latency has a load to follow.
Build b differs from build a by a language model that takes longer. The trace itself is not kept.
"""

import csv
import json
import random
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent

PREPARE = (
    "--synth speech-like:1200ms --synth speech-like:2s"
    " --synth speech-like:3500ms --synth speech-like:5s"
    " --turns 1..3 --answer-time 11s --think-time 500ms..2s --pick random --seed 7"
).split()

GATEWAY = (
    "--listen 127.0.0.1:0 --slots 3 --asr-final lognormal:p50=80ms,p95=220ms"
    " --tts-first-audio lognormal:p50=190ms,p95=490ms --error-rate 0.02"
).split()

FIRST_TOKEN = {"a": "lognormal:p50=90ms,p95=260ms", "b": "lognormal:p50=150ms,p95=420ms"}


def rising_and_falling(seconds: int, peak_per_s: float, seed: int) -> list[float]:
    """Starts of calls whose rate rises evenly from a sixth of the peak to it, and falls again."""
    draw = random.Random(seed)
    starts: list[float] = []
    at = 0.0
    while (at := at + draw.expovariate(peak_per_s)) < seconds:
        nearness = 1 - abs(2 * at / seconds - 1)
        if draw.random() < 1 / 6 + nearness * 5 / 6:
            starts.append(at)
    return starts


def make_runs(voicelt: str) -> None:
    """Replays one trace against two builds of the reference gateway."""
    with tempfile.TemporaryDirectory() as temp:
        starts, trace = Path(temp, "starts.csv"), Path(temp, "day.vtrace")
        with starts.open("w", newline="") as file:
            csv.writer(file).writerows([f"{at:.6f}"] for at in rising_and_falling(100, 2.2, 7))
        arrivals = ["--arrivals", f"file:{starts}"]
        subprocess.run([voicelt, "prepare", *PREPARE, *arrivals, "-o", trace], check=True)
        for build, first_token in FIRST_TOKEN.items():
            gateway = [voicelt, "gateway", *GATEWAY, "--llm-first-token", first_token]
            # What a busy moment of this machine did to the schedule is not to be in an example.
            while not replay(voicelt, trace, gateway, build):
                print(f"build {build}: the verdict is not valid; once more", file=sys.stderr)


def replay(voicelt: str, trace: Path, gateway: list[str], build: str) -> bool:
    """Replays `trace` against a gateway of its own. Was the schedule kept?"""
    run = HERE / f"build-{build}"
    shutil.rmtree(run, ignore_errors=True)
    with subprocess.Popen(gateway, stderr=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stderr is not None
            target = serving.stderr.readline().split()[-1]
            command = [
                voicelt,
                "replay",
                trace,
                "--target",
                target,
                "-o",
                run,
                "--no-text",
                "--quiet",
            ]
            subprocess.run([*command, "--label", f"build={build}"], check=True)
        finally:
            serving.terminate()
    return json.loads((run / "run.json").read_text())["verdict"]["level"] == "valid"


def make_log() -> None:
    """Writes a quarter of an hour of the access log of an Envoy before a gateway, as JSON lines."""
    draw = random.Random(11)
    began = datetime(2026, 3, 2, 8, 55, tzinfo=UTC)
    with Path(HERE, "access.log").open("w") as log:
        for number, at in enumerate(rising_and_falling(900, 0.6, 11)):
            refused = draw.random() < 0.02
            line = {
                "start_time": (began + timedelta(seconds=at)).isoformat(timespec="milliseconds"),
                "method": "POST",
                "path": "/voice_workflow.VoiceGateway/StreamAudio",
                "response_code": 200,
                "grpc_status": 14 if refused else 0,
                "duration": round(draw.lognormvariate(7.8, 0.35)),
                "request_id": f"{number:08x}",
            }
            log.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    make_runs(sys.argv[1])
    make_log()
