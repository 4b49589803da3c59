"""What the peers of this folder share: voicelt that calls them, and an ear for where an utterance ends."""

import array
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as parquet

sys.path.append(str(Path(__file__).resolve().parents[1]))

from peer_programs import demand  # noqa: E402 - it lies beside this folder

DIALECTS = Path(__file__).resolve().parents[3] / "proto/dialects"
RUN_S = 240
SESSIONS, TURNS = 6, 2
# A second of speech, at the rate of the wire, is so long in each turn.
SECONDS_A_TURN = 1
# Of the rows of a run; points in time that have nanoseconds are nothing that Python's datetime can hold.
COLUMNS = [
    *("session_id", "turn", "dialect", "status", "error", "transcript", "answers", "audio_received_samples"),
    *("first_transcript_ns", "final_transcript_ns", "asr_ns", "final_ns", "response_ns", "total_ns"),
]


def fail(what: str) -> NoReturn:
    raise SystemExit(f"dialect_peers: {what}")


class Ear:
    """Hears 16-bit audio: speech is what is loud, and an utterance ends with half a second that is not."""

    LOUD = 300
    QUIET_S = 0.5

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.samples = 0
        self.is_speech = False
        self.quiet_samples = 0
        self.speech_samples = 0

    def hear(self, audio: bytes) -> str | None:
        """`began`, `ended` or none of them."""
        samples = array.array("h", audio)
        self.samples += len(samples)
        if max(map(abs, samples), default=0) >= self.LOUD:
            self.quiet_samples = 0
            self.speech_samples += len(samples)
            began, self.is_speech = not self.is_speech, True
            return "began" if began else None
        self.quiet_samples += len(samples)
        if self.is_speech and self.quiet_samples >= self.QUIET_S * self.rate_hz:
            return self.end()
        return None

    def end(self) -> str | None:
        """Ends what is being said."""
        ended, self.is_speech, self.quiet_samples = self.is_speech, False, 0
        return "ended" if ended else None


class Caller:
    """voicelt, and a trace of a few calls of several turns."""

    def __init__(self, program: Path) -> None:
        self.program = program.resolve()
        self.kept = tempfile.TemporaryDirectory()
        self.folder = Path(self.kept.name)
        self.voicelt(
            *f"prepare -o calls.vtrace --synth speech-like:{SECONDS_A_TURN}s --arrivals constant:4/s".split(),
            *f"--sessions {SESSIONS} --turns {TURNS} --answer-time 2s --think-time 200ms".split(),
        )

    def voicelt(self, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
        ran = subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
            env=environment,
        )
        if ran.returncode != 0:
            fail(f"voicelt {' '.join(map(str, arguments))} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def replay(
        self,
        dialect: str | Path,
        target: str,
        *,
        trace: str | Path = "calls.vtrace",
        turns: int = SESSIONS * TURNS,
        environment: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """The rows of a replay, of which each turn must be a success."""
        name = Path(dialect).stem
        flags = ["--quiet", "--allow-invalid", "--timeout", "90s", "--turn-timing", "reactive"]
        self.voicelt("replay", trace, "-o", name, *flags, "--dialect", dialect, "-t", target, environment=environment)
        rows = parquet.read_table(self.folder / name / "requests.parquet", columns=COLUMNS).to_pylist()
        if len(rows) != turns or any(row["status"] != "ok" or row["error"] for row in rows):
            said = [(row["session_id"], row["turn"], row["status"], row["error"]) for row in rows]
            fail(f"{name}: {said}\n{self.voicelt('report', name)}")
        return rows


def answers(rows: list[dict[str, Any]], longest_s: float) -> str:
    """Checks rows of spoken answers to callers of Twilio, and says how long they took."""
    for row in rows:
        where = f"twilio: {row['session_id']} turn {row['turn']}"
        demand(row["dialect"] == "twilio", f"{where} is of the dialect {row['dialect']}")
        demand(row["answers"] == 1, f"{where} has {row['answers']} answers")
        demand(row["audio_received_samples"] > 4_000, f"{where} heard {row['audio_received_samples']} samples")
        took_s = row["response_ns"] / 1e9
        demand(0 < took_s < longest_s, f"{where} has its answer after {took_s:.1f} s")
    times = sorted(row["response_ns"] for row in rows)
    return f"{len(rows)} turns answered, response p50 {times[len(times) // 2] / 1e6:.0f} ms"


def transcripts(name: str, rows: list[dict[str, Any]]) -> str:
    """Checks rows of a recognizer's transcripts, and says how long they took."""
    for row in rows:
        where = f"{name}: {row['session_id']} turn {row['turn']}"
        demand(row["dialect"].startswith("described"), f"{where} is of the dialect {row['dialect']}")
        for column in ("transcript", "first_transcript_ns", "final_transcript_ns", "asr_ns", "final_ns"):
            demand(row[column] is not None, f"{where} has no {column}: {json.dumps(row, default=str)}")
        demand(row["first_transcript_ns"] <= row["final_transcript_ns"], f"{where} ends before it begins")
        # With the count that only the last segment has.
        words = row["transcript"].split()
        demand(words[:1] == ["some"] and words[-1].isdecimal(), f"{where} is heard as {row['transcript']!r}")
        # Half a second of silence is waited for, and loopback takes no time.
        demand(
            0 < row["final_ns"] < 10e9, f"{where} has its transcript {row['final_ns'] / 1e6:.0f} ms after the speech"
        )
    times = sorted(row["final_ns"] for row in rows)
    return f"{len(rows)} utterances, final transcript p50 {times[len(times) // 2] / 1e6:.0f} ms after the speech"
