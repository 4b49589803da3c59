"""Traces: read, and written by a builder."""

import math
import re
import struct
import wave
from pathlib import Path

import polars as pl
import pytest

import voicelt
from voicelt import _binary

README = Path(__file__).resolve().parents[1] / "README.md"


def example(containing: str) -> str:
    """The code of the README with these words in it."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (block,) = [block for block in blocks if containing in block]
    return str(block)


def tone(rate: int, seconds: float, channels: int = 1) -> bytes:
    """A note in 16-bit samples."""
    samples = [round(8_000 * math.sin(i * 0.3)) for i in range(round(rate * seconds))]
    return b"".join(struct.pack("<h", sample) * channels for sample in samples)


def write_wav(path: Path, rate: int, seconds: float, channels: int = 1) -> None:
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(channels)
        audio.setsampwidth(2)
        audio.setframerate(rate)
        audio.writeframes(tone(rate, seconds, channels))


def test_the_demo_is_read_as_its_manifest_counts_it(demo: Path) -> None:
    trace = voicelt.read_trace(demo)
    assert trace.sessions.height == trace.manifest["sessions"]
    assert trace.events.height == trace.manifest["events"]
    assert trace.turns.height == trace.manifest["extent"]["turns"]
    concurrency = trace.concurrency()
    assert concurrency["sessions"].max() == trace.manifest["extent"]["peak_sessions"]
    assert concurrency["sessions"][-1] == 0
    assert concurrency["at_ns"][0] == trace.sessions["start_ns"][0]
    assert len(trace.pcm(0)) == 2 * trace.clips["samples"][0]
    assert trace.replies is None
    assert repr(trace) == f"Trace(name='demo', sessions=10, turns=12, clips=8, path='{demo}')"
    with pytest.raises(ValueError, match="no clip 999"):
        trace.pcm(999)


def test_what_is_no_trace_is_said(tmp_path: Path) -> None:
    with pytest.raises(voicelt.NotReadable, match=r"no trace at .*voicelt prepare"):
        voicelt.read_trace(tmp_path)


def test_the_ten_lines_of_the_readme_make_a_trace_that_is_checked_and_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_wav(tmp_path / "hello.wav", 44_100, 0.5, channels=2)
    code = example("TraceBuilder")
    assert len([line for line in code.splitlines() if line]) <= 10
    exec(code, {})
    _binary.run("trace", "check", "mine.vtrace")
    trace = voicelt.read_trace("mine.vtrace")
    assert trace.sessions.height == 21
    assert trace.turns.height == 22
    assert trace.sessions["language_code"].unique().to_list() == ["en-GB"]
    starts = sorted([round(caller * 5e8) for caller in range(20)] + [3_000_000_000])
    assert trace.sessions["start_ns"].to_list() == starts
    two = trace.sessions.filter(turns=2)["session"][0]
    at = trace.turns.filter(session=two)["at_ns"].to_list()
    # The clip is half a second long; then 4 s for the answer, and 1 s of thought.
    assert at[1] - at[0] == pytest.approx(5_500_000_000, abs=1_000_000)
    replay = ["replay", "mine.vtrace", "--target", "embedded", "--limit", "2", "--quiet"]
    _binary.run(*replay, "-o", "run")
    run = voicelt.load_run("run")
    assert run.requests.height == 2
    assert run.requests["chunks_sent"].to_list() == run.requests["chunks_planned"].to_list()


def test_turns_begin_when_it_is_said(tmp_path: Path) -> None:
    builder = voicelt.TraceBuilder(microphone="push-to-talk", answer_time=1)
    one = builder.pcm(tone(8_000, 0.5), sample_rate=8_000)
    other = builder.pcm(tone(16_000, 1.0), name="other")
    builder.session([one, (other, 400.0)], start=2.0)
    builder.session(other, start=0)
    trace = voicelt.read_trace(builder.write(tmp_path / "t.vtrace"))
    assert trace.turns.select("session", "turn", "at_ns").rows() == [
        (0, 0, 0),
        (1, 0, 2_000_000_000),
        (1, 1, 402_000_000_000),
    ]
    assert trace.sessions["microphone"].unique().to_list() == ["push_to_talk"]


def test_clips_of_another_trace_keep_their_samples(demo: Path, tmp_path: Path) -> None:
    source = voicelt.read_trace(demo)
    builder = voicelt.TraceBuilder()
    clips = builder.clips_of(demo)
    assert len(clips) == source.clips.height
    for number, clip in enumerate(clips):
        builder.session(clip, start=number * 0.1)
    made = voicelt.read_trace(builder.write(tmp_path / "t.vtrace"))
    assert sorted(made.clips["clip_id"]) == sorted(source.clips["clip_id"])
    said = made.turns.join(made.clips, on="clip").sort("session")["clip_id"]
    assert said.equals(source.clips.sort("clip")["clip_id"])


def test_the_same_audio_is_one_clip_and_the_same_name_two(tmp_path: Path) -> None:
    builder = voicelt.TraceBuilder()
    sound = tone(16_000, 0.3)
    assert builder.pcm(sound, name="a") == builder.pcm(sound, name="b")
    assert builder.pcm(tone(16_000, 0.4), name="a").name == "a-2.wav"


def test_what_cannot_be_built_is_said(tmp_path: Path) -> None:
    builder = voicelt.TraceBuilder()
    clip = builder.pcm(tone(16_000, 0.5))
    with pytest.raises(ValueError, match="there are no sessions"):
        builder.write(tmp_path / "t.vtrace")
    with pytest.raises(ValueError, match="has no turns"):
        builder.session([], start=0)
    with pytest.raises(ValueError, match="starts are 0 or later"):
        builder.session(clip, start=-1)
    with pytest.raises(ValueError, match=r"here 0\.5 s or later"):
        builder.session([clip, (clip, 0.2)], start=0)
    with pytest.raises(ValueError, match="another builder"):
        builder.session(voicelt.TraceBuilder().pcm(b"\1\0", name="other"), start=0)
    with pytest.raises(ValueError, match="even number of bytes"):
        builder.pcm(b"odd")
    with pytest.raises(voicelt.NotReadable, match=r"absent\.wav cannot be read"):
        builder.wav(tmp_path / "absent.wav")
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(voicelt.NotReadable, match="no WAV file of plain PCM"):
        builder.wav(tmp_path / "text.wav")
    builder.session(clip, start=0)
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").touch()
    with pytest.raises(voicelt.BadInput, match=r"error: .*taken"):
        builder.write(taken)


def test_silent_clips_are_kept(tmp_path: Path) -> None:
    builder = voicelt.TraceBuilder()
    builder.session(builder.pcm(bytes(32_000)), start=0)
    trace = voicelt.read_trace(builder.write(tmp_path / "t.vtrace"))
    assert trace.turns.select(pl.col("speech_end_ns").is_null().all()).item()
