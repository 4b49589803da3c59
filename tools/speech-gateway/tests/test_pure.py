"""What needs no clock, no process and no network: pace, endpoints, sample rates, settings."""

import math
from array import array

import pytest

from speech_gateway import settings
from speech_gateway.endpointing import Endpointer
from speech_gateway.language_model import Pace, answer
from speech_gateway.resampling import Resampler, convert


def tone(rate_hz: int, seconds: float) -> bytes:
    """440 Hz at half of full scale."""
    samples = range(round(rate_hz * seconds))
    return array(
        "h", (round(16_000 * math.sin(880 * math.pi * n / rate_hz)) for n in samples)
    ).tobytes()


def level(pcm: bytes) -> float:
    """Root of the mean square, without the edges."""
    samples = array("h", pcm)[800:-800]
    return math.sqrt(sum(sample * sample for sample in samples) / len(samples))


def test_answers_follow_from_the_seed_and_what_was_heard() -> None:
    first = answer("ten of clubs", 20, 1)
    assert first == answer("ten of clubs", 20, 1)
    assert first != answer("ten of clubs", 20, 2)
    assert first != answer("nine of clubs", 20, 1)
    assert "ten of clubs" in first[0]
    words = sum(len(sentence.split()) for sentence in first[1:])
    assert 20 <= words < 30
    assert all(sentence[-1] in ".?" for sentence in first)
    assert len(answer("word " * 500, 1, 1)[0].split()) < 30


def test_words_are_due_at_a_steady_pace_from_the_question() -> None:
    pace = Pace(first_word_s=0.2, words_per_second=20.0)
    assert [pace.due_s(word) for word in (0, 1, 20)] == pytest.approx([0.2, 0.25, 1.2])


def test_an_utterance_begins_with_enough_speech_and_ends_with_enough_silence() -> None:
    endpointer = Endpointer(silence_ms=90)
    frames = "..s..s...sss.s..s...sss"
    inside = "".join("s" if endpointer.frame(frame == "s") else "." for frame in frames)
    assert inside == "...........ssssssss...s"[: len(frames)]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_speech_at_another_rate_is_as_long_and_as_loud(rate_hz: int) -> None:
    pcm = convert(tone(22_050, 1.0), 22_050, rate_hz)
    assert abs(len(pcm) // 2 - rate_hz) <= 2
    assert level(pcm) == pytest.approx(16_000 / math.sqrt(2), rel=0.02)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_audio_may_come_in_pieces_of_any_size(rate_hz: int) -> None:
    whole, resampler = tone(rate_hz, 1.0), Resampler(rate_hz, 16_000)
    pieces = [whole[start : start + 777] for start in range(0, len(whole), 777)]
    pcm = b"".join(resampler.push(piece) for piece in pieces) + resampler.push(b"", last=True)
    assert abs(len(pcm) // 2 - 16_000) <= 2
    assert level(pcm) == pytest.approx(16_000 / math.sqrt(2), rel=0.02)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--listen", "50051"], "is no address"),
        (["--max-streams", "0"], "from 1 to 64"),
        (["--words-per-second", "nan"], "is no number of words"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        settings.read(flags)
    assert said in capsys.readouterr().err
    assert settings.read([]) == settings.Settings()
