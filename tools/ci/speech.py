#!/usr/bin/env python3
"""Calls a gateway that really listens and speaks, and looks at what it understood.

    tools/ci/speech.py VOICELT

VOICELT is the program. Needs Debian's `pocketsphinx-testdata`, whose recordings are spoken, and
`espeak-ng`, which answers. Everything listens on loopback, on ports of the moment, and ends with this
script. Fails with a sentence that says what is wrong.
"""

import contextlib
import csv
import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

START = Path(__file__).resolve().parents[1] / "speech-gateway" / "start"
RECORDINGS = Path("/usr/share/pocketsphinx/test/data")
SETS = {"librivox": "transcription", "cards": "cards.transcription"}
# It is 41 % where everything works; that of a recogniser that hears nothing is 100 %, and that of one
# which hears something else more.
MOST_WER = 0.65
# The first start installs packages.
START_S = 240
RUN_S = 120


def demand(holds: object, what: str) -> None:
    """Ends everything with a sentence unless it holds."""
    if not holds:
        raise SystemExit(f"speech.py: {what}")


def write_transcripts(path: Path) -> int:
    """What is said in the recordings, as a table; how many there are."""
    rows: list[tuple[str, str]] = []
    for folder, name in SETS.items():
        for line in (RECORDINGS / folder / name).read_text().splitlines():
            said = re.fullmatch(r"<s>(.*)</s>\s*\((.+)\)\s*", line)
            demand(said, f"{folder}/{name}: `{line}` is no transcript")
            if said:
                rows.append((f"{said[2]}.wav", said[1].strip()))
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "sentence"))
        table.writerows(rows)
    return len(rows)


@contextlib.contextmanager
def gateway(*flags: str) -> Iterator[tuple[str, str]]:
    """A gateway: where it listens, and where its metrics are. It must end cleanly."""
    command = [str(START), "--listen", "127.0.0.1:0", "--metrics-addr", "127.0.0.1:0", *flags]
    # A session of its own, so that it can be seen whether all of its processes end.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        told = dict(addresses(process))
        yield told["listening"], told["metrics"]
        process.send_signal(signal.SIGTERM)
        demand(process.wait(20) == 0, f"the gateway ended with {process.returncode} on SIGTERM")
        deadline = time.monotonic() + 10
        while group_lives(process.pid):
            demand(time.monotonic() < deadline, "the gateway has left processes behind")
            time.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def addresses(process: subprocess.Popen[str]) -> Iterator[tuple[str, str]]:
    """What the gateway says of where it listens."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put("")

    # Both lines may come at once, of which waiting for the pipe would see one.
    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + START_S
    for _ in range(2):
        try:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = ""
        demand(line, f"the gateway ended, or did not start within {START_S} s")
        name, _, address = line.strip().partition(" on ")
        yield name, address


def group_lives(group: int) -> bool:
    """Whether a process of the group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def voicelt(program: str, *args: str | Path) -> None:
    """Runs voicelt; it must go well."""
    command = [program, *args, "--quiet"]
    ran = subprocess.run(command, check=False, timeout=RUN_S, capture_output=True, text=True)
    demand(
        ran.returncode == 0, f"voicelt {args[0]} gave {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    )


def load(program: str, place: Path, name: str, *args: str | Path) -> tuple[Any, Any]:
    """Makes a run: its document, and its requests."""
    document, raw = place / f"{name}.json", place / f"{name}-raw.json"
    files = ("-o", place / name, "--json", document, "--raw-json", raw)
    # How fast this machine is does not matter here.
    voicelt(program, *args, "--wer", "--allow-invalid", *files)
    return json.loads(document.read_text()), json.loads(raw.read_text())


def check(name: str, document: Any, requests: Any, at_least: int) -> int:
    """The run must have been understood and answered; how many answers it had."""
    demand(len(requests) >= at_least, f"{name}: {len(requests)} requests, not {at_least}")
    for request in requests:
        whose = f"{name}: {request['request_id']}"
        demand(request["status"] == "success", f"{whose} failed: {request['error_message']}")
        demand(request["transcript"], f"{whose} was not heard")
        demand("." in (request["response_text"] or ""), f"{whose} has no words in its answer")
    answered = document["turns"]["answered"]
    demand(answered == len(requests), f"{name}: {answered} of {len(requests)} had audio")
    wer = document["wer"]
    demand(wer["turns"] > 0 and wer["unheard"] == 0, f"{name}: words were not compared: {wer}")
    demand(wer["rate"] < MOST_WER, f"{name}: a word error rate of {wer['rate']:.1%}: {wer}")
    print(f"{name}: {len(requests)} requests, WER {wer['rate']:.1%} of {wer['words']} words")
    return len(requests)


def sample(metrics: str, series: str) -> float:
    """A value that the gateway shows to Prometheus."""
    with urllib.request.urlopen(metrics, timeout=10) as page:
        text = page.read().decode()
    found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    demand(found, f"{metrics} has no {series}")
    return float(found[1]) if found else 0.0


def main() -> None:
    """Replays the recordings, and lets users speak them."""
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="voicelt-speech-") as folder:
        place = Path(folder)
        clips = write_transcripts(place / "said.csv")
        trace = place / "spoken.vtrace"
        audio = [RECORDINGS / name for name in SETS]
        how = ("--transcripts", place / "said.csv", "--arrivals", "constant:24/m")
        voicelt(program, "prepare", *audio, "-o", trace, "--sessions", str(clips), *how)
        with gateway("--max-streams", "6", "--words", "5") as (address, metrics):
            target = ("--target", address)
            replayed = load(program, place, "replay", "replay", trace, *target)
            answers = check("replay", *replayed, clips)
            # With an open microphone: the gateway must notice by itself that somebody has spoken.
            users = ("-u", "2", "-d", "15s", "--turns-per-session", "2", "--think-time", "500ms")
            spoken = load(program, place, "run", "run", "-a", trace, *target, *users)
            answers += check("run", *spoken, 2)
            counted = sample(metrics, 'voice_gateway_requests_total{status="success"}')
            demand(counted >= answers, f"the gateway counted {counted} of {answers} answers")
            failed = sample(metrics, 'voice_gateway_requests_total{status="error"}')
            demand(failed == 0, f"the gateway counted {failed} errors")
            for times in ("asr_latency", "llm_ttft", "llm_total", "tts_latency", "e2e_latency"):
                seen = sample(metrics, f"voice_gateway_{times}_seconds_count")
                demand(seen >= answers, f"{times} was measured {seen} times of {answers}")
            streams = sample(metrics, "voice_gateway_active_streams")
            demand(streams == 0, f"{streams} streams are open when all calls have ended")


if __name__ == "__main__":
    main()
