"""Writes traces from Python: who calls when, and says what."""

import csv
import hashlib
import io
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from voicelt import _binary
from voicelt.errors import NotReadable
from voicelt.traces import read_trace

_NS_PER_S = 1_000_000_000
_BYTES_PER_SAMPLE = 2


@dataclass(frozen=True)
class Clip:
    """A clip of a builder, to be said in its sessions."""

    name: str
    """Its name in the trace: that of its file."""
    duration: float
    """Seconds."""


@dataclass
class TraceBuilder:
    """A trace under construction.

    Clips come from `wav`, `pcm`, `synth` and `clips_of`, calls from `session`; `write` makes the
    bundle, which the command lays out as `voicelt import` does: chunks of 20 ms, an open microphone
    for calls of several turns, else push-to-talk. Times are in seconds.
    """

    language: str = "en-US"
    """Language that callers announce, BCP 47."""
    answer_time: float = 4.0
    """Seconds that an answer is given, from the end of speech, before the think time."""
    microphone: Literal["open", "push-to-talk"] | None = None
    """Whether silence is sent between utterances; None: for calls of several turns."""
    _clips: dict[str, bytes] = field(default_factory=dict, init=False, repr=False)
    _by_content: dict[bytes, Clip] = field(default_factory=dict, init=False, repr=False)
    _turns: list[tuple[int, int, str]] = field(default_factory=list, init=False, repr=False)
    _sessions: int = field(default=0, init=False, repr=False)

    def wav(self, path: str | Path) -> Clip:
        """A clip from a WAV file of any rate; several channels are mixed into one.

        For other formats make a trace with `voicelt prepare`, and take its `clips_of`.
        """
        path = Path(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise NotReadable(f"{path} cannot be read: {error.strerror}") from error
        return self._add(path.stem, content, str(path))

    def pcm(self, samples: bytes, *, sample_rate: int = 16_000, name: str = "clip") -> Clip:
        """A clip from 16-bit little-endian samples, mono."""
        if not samples or len(samples) % _BYTES_PER_SAMPLE:
            raise ValueError(
                f"{name}: {len(samples)} bytes are no 16-bit samples; "
                "give an even number of bytes, and some"
            )
        content = io.BytesIO()
        with wave.open(content, "wb") as audio:
            audio.setnchannels(1)
            audio.setsampwidth(_BYTES_PER_SAMPLE)
            audio.setframerate(sample_rate)
            audio.writeframes(samples)
        return self._add(name, content.getvalue(), name)

    def synth(
        self, duration: float, signal: Literal["speech-like", "tone", "noise"] = "speech-like"
    ) -> Clip:
        """A synthetic clip of so many seconds."""
        with tempfile.TemporaryDirectory() as place:
            made = Path(place) / "made.vtrace"
            spec = f"{signal}:{round(duration * _NS_PER_S)}ns"
            _binary.run("prepare", "--synth", spec, "-o", str(made), "--sessions", "1", "--quiet")
            return self.pcm(read_trace(made).pcm(0), name=f"{signal}-{duration:g}s")

    def clips_of(self, trace: str | Path) -> list[Clip]:
        """Every clip of another trace that has audio, in its order."""
        source = read_trace(trace)
        heard = source.clips.filter(source.clips["file"].is_not_null())
        return [
            self.pcm(
                source.pcm(row["clip"]),
                sample_rate=row["sample_rate_hz"],
                name=Path(row["source_path"] or row["clip_id"][:12]).stem,
            )
            for row in heard.iter_rows(named=True)
        ]

    def session(
        self,
        turns: Clip | Sequence[Clip | tuple[Clip, float]],
        *,
        start: float,
        think_time: float = 0.0,
    ) -> None:
        """A call that starts at `start`, counted from the start of the first call.

        Each turn is a clip, or a clip and when it begins, since the start of its call. A clip alone
        begins `answer_time` and `think_time` after the end of the clip before it.
        """
        listed = [turns] if isinstance(turns, Clip) else list(turns)
        session = self._sessions
        if not listed:
            raise ValueError(f"session {session} has no turns; give it at least one clip")
        if start < 0:
            raise ValueError(f"session {session} starts at {start}; starts are 0 or later")
        rows = []
        ends = 0.0
        for number, turn in enumerate(listed):
            alone = ends + self.answer_time + think_time if number else 0.0
            clip, at = (turn, alone) if isinstance(turn, Clip) else turn
            if clip.name not in self._clips:
                raise ValueError(f"clip {clip.name} is of another builder; add it to this one")
            if at < ends or (number == 0 and at != 0):
                raise ValueError(
                    f"turn {number} of session {session} begins at {at} s; the first begins at 0, "
                    f"and each other when the one before has been said, here {ends:g} s or later"
                )
            rows.append((round((start + at) * _NS_PER_S), session, clip.name))
            ends = at + clip.duration
        self._sessions += 1
        self._turns.extend(rows)

    def write(self, path: str | Path) -> Path:
        """Makes the bundle at `path`, by custom `NAME.vtrace`, in place of an older one there."""
        if not self._turns:
            raise ValueError("there are no sessions; add one with session(clip, start=0)")
        with tempfile.TemporaryDirectory() as place:
            audio = Path(place) / "audio"
            audio.mkdir()
            for name, content in self._clips.items():
                (audio / name).write_bytes(content)
            arrivals = Path(place) / "arrivals.csv"
            with arrivals.open("w", newline="", encoding="utf-8") as file:
                rows = csv.writer(file)
                rows.writerow(["start", "session", "clip"])
                rows.writerows(sorted(self._turns))
            microphone = ["--microphone", self.microphone] if self.microphone else []
            _binary.run(
                *[
                    "import",
                    str(arrivals),
                    "--map",
                    "start=start,unit=ns,session=session,clip=clip",
                ],
                *["--audio", str(audio), "--strict", "--quiet", "-o", str(path)],
                *["--language", self.language],
                *["--answer-time", f"{round(self.answer_time * _NS_PER_S)}ns"],
                # A pause never makes two calls of one, however long.
                *["--session-gap", "36500d", *microphone],
            )
        return Path(path)

    def _add(self, stem: str, content: bytes, shown: str) -> Clip:
        """The clip of this WAV file; one whose audio is here already is that one."""
        try:
            with wave.open(io.BytesIO(content)) as audio:
                frames = audio.readframes(audio.getnframes())
                shape = (audio.getframerate(), audio.getnchannels(), audio.getsampwidth())
                duration = audio.getnframes() / audio.getframerate()
        except (EOFError, wave.Error) as error:
            raise NotReadable(
                f"{shown} is no WAV file of plain PCM: {error}; make a trace of it with "
                "`voicelt prepare`, and take its clips_of()"
            ) from error
        key = hashlib.blake2b(frames, key=repr(shape).encode()).digest()
        if key not in self._by_content:
            name, number = f"{stem}.wav", 2
            while name in self._clips:
                name, number = f"{stem}-{number}.wav", number + 1
            self._clips[name] = content
            self._by_content[key] = Clip(name, duration)
        return self._by_content[key]
