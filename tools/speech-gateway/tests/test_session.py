"""What is sent when, with a recogniser and a voice that follow a script."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from speech_gateway import protocol
from speech_gateway.hearing import Heard, Kind
from speech_gateway.metrics import Metrics
from speech_gateway.protocol import ClientMessage, Event
from speech_gateway.recognisers import RecogniserError
from speech_gateway.session import Session
from speech_gateway.settings import Settings
from speech_gateway.voices import VoiceError

FAST = Settings(first_word_ms=0, words_per_second=10_000, words=1)
BEGAN = Heard(Kind.BEGAN)


def final(text: str) -> Heard:
    """An utterance that is over."""
    return Heard(Kind.FINAL, text)


class Scripted:
    """Hears what each message of audio says it is to hear, by its number."""

    def __init__(self, script: dict[bytes, list[Heard]], at_end: list[Heard]) -> None:
        self._script, self._at_end = script, at_end

    async def open(self, rate_hz: int) -> None:
        assert rate_hz == 8_000

    async def hear(self, pcm: bytes) -> list[Heard]:
        if pcm == b"broken":
            raise RecogniserError("the recogniser's process has ended")
        return self._script.get(pcm, [])

    async def end(self) -> list[Heard]:
        return self._at_end


class Tone:
    """Speaks 150 ms for each sentence, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self._fails = fails

    async def speak(self, sentence: str) -> tuple[bytes, int]:
        if self._fails:
            raise VoiceError("the voice is hoarse")
        return bytes(2 * 2_400), 16_000


def config(rate_hz: int = 8_000) -> Any:
    """The first message."""
    return ClientMessage(config={"language_code": "en-US", "sample_rate": rate_hz})


def audio(pcm: bytes) -> Any:
    """A message of audio."""
    return ClientMessage(audio_chunk=pcm)


def shown(message: Any) -> str:
    """A message in a word or two."""
    kind = message.WhichOneof("content")
    if kind == "event":
        name = Event(message.event.type).name
        return f"{name} {message.event.message}".strip()
    if kind == "audio_chunk":
        return f"audio {len(message.audio_chunk)}"
    return f"{kind.split('_')[0]} {getattr(message, kind)}".strip()


def call(
    messages: list[Any],
    script: dict[bytes, list[Heard]] | None = None,
    at_end: list[Heard] | None = None,
    settings: Settings = FAST,
    voice: Tone | None = None,
) -> tuple[list[str], Metrics]:
    """Everything that is sent in a call, words of the answer left out, and the metrics."""
    sent: list[str] = []
    metrics = Metrics()

    async def send(message: Any) -> None:
        sent.append(shown(message))

    async def said() -> AsyncIterator[Any]:
        for message in messages:
            yield message

    async def run() -> None:
        listener = Scripted(script or {}, at_end or [])
        await Session(settings, listener, voice or Tone(), metrics, send).run(said())

    asyncio.run(asyncio.wait_for(run(), 20))
    return [line for line in sent if not line.startswith("llm")], metrics


def count(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A value of the metrics."""
    return metrics.registry.get_sample_value(f"voice_gateway_{name}", labels)


ANSWER = ["SPEAKING", "audio 1600", "audio 800"]


def test_an_utterance_is_answered_in_the_order_of_the_protocol() -> None:
    interim = [BEGAN, Heard(Kind.INTERIM, "ten"), Heard(Kind.INTERIM, "ten")]
    script = {b"1": interim, b"2": [Heard(Kind.INTERIM, "ten of")]}
    sent, metrics = call([config(), audio(b"1"), audio(b"2")], script, [final("ten of clubs")])
    heard = ["transcript ten", "transcript ten of", "transcript ten of clubs"]
    answer = ["PROCESSING", *ANSWER, *ANSWER, "LISTENING", "END_OF_TURN"]
    assert sent == ["LISTENING", *heard, *answer]
    assert count(metrics, "requests_total", status="success") == 1
    for times in ("asr_latency", "llm_ttft", "llm_total", "tts_latency", "e2e_latency"):
        assert count(metrics, f"{times}_seconds_count") == 1, times


def test_nothing_heard_is_nothing_answered() -> None:
    sent, metrics = call([config(), audio(b"1")], {}, [BEGAN, final("")])
    assert sent == ["LISTENING", "END_OF_TURN"]
    assert count(metrics, "requests_total", status="error") == 0


def test_a_text_is_answered_as_speech_is() -> None:
    sent, _ = call([config(), ClientMessage(text_input="hello")])
    assert sent[:3] == ["LISTENING", "transcript hello", "PROCESSING"]
    assert sent[-2:] == ["LISTENING", "END_OF_TURN"]


def test_a_caller_who_speaks_into_an_answer_ends_it() -> None:
    slow = Settings(first_word_ms=60_000)
    script = {b"1": [BEGAN, final("one")], b"2": [BEGAN]}
    sent, metrics = call([config(), audio(b"1"), audio(b"2")], script, settings=slow)
    assert sent == ["LISTENING", "transcript one", "PROCESSING", "LISTENING", "END_OF_TURN"]
    assert count(metrics, "requests_total", status="success") == 1


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([], "the first message must be `config`"),
        ([audio(b"1")], "the first message must be `config`"),
        ([config(100)], "a sample rate of 100 Hz is not from 8000 to 48000 Hz"),
        ([config(), config()], "`config` came a second time"),
        ([config(), audio(b"broken")], "the recogniser's process has ended"),
    ],
)
def test_what_goes_wrong_is_an_error_event(messages: list[Any], why: str) -> None:
    sent, metrics = call(messages)
    assert sent[-2:] == [f"ERROR {why}", "END_OF_TURN"]
    assert count(metrics, "requests_total", status="error") == 1


def test_a_voice_that_fails_is_an_error_of_the_answer_alone() -> None:
    sent, metrics = call([config()], {}, [final("one")], voice=Tone(fails=True))
    expected = ["PROCESSING", "ERROR the voice is hoarse", "LISTENING", "END_OF_TURN"]
    assert sent[-4:] == expected
    assert count(metrics, "requests_total", status="error") == 1


def test_messages_are_those_of_the_protocol() -> None:
    message = protocol.event(Event.ERROR, "no")
    assert message.SerializeToString() == b"\x22\x06\x08\x04\x12\x02no"
