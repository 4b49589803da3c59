"""One call: what is sent when."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from . import language_model, protocol
from .hearing import Kind
from .language_model import Pace
from .metrics import Metrics
from .protocol import Event
from .recognisers import Listener, RecogniserError
from .resampling import convert
from .settings import Settings
from .voices import Voice, VoiceError

RATES_HZ = range(8_000, 48_001)
# A caller who sends nothing for so long is taken to be gone.
IDLE_S = 60.0
# Audio is recognised in pieces of at most a second, whatever the size of a message.
_PIECE_S = 1
# Audio of a message to the caller.
_CHUNK_MS = 100
# Sentences that may wait to be spoken.
_WAITING = 4

Send = Callable[[Any], Awaitable[None]]


class CallError(Exception):
    """Something that ends the call with an ERROR event."""


class Session:
    """One call of a caller who is heard by `listener` and answered by `voice`."""

    def __init__(
        self, settings: Settings, listener: Listener, voice: Voice, metrics: Metrics, send: Send
    ) -> None:
        self._settings, self._listener, self._voice = settings, listener, voice
        self._metrics, self._send = metrics, send
        self._pace = Pace(settings.first_word_ms / 1000, settings.words_per_second)
        self._answer: asyncio.Task[None] | None = None
        self._rate_hz = 0
        self._interim = ""

    async def run(self, messages: AsyncIterator[Any]) -> None:
        """Carries the call to its end; what goes wrong becomes an ERROR event."""
        try:
            await self._carry(messages)
        except (CallError, RecogniserError) as error:
            self._metrics.requests.labels("error").inc()
            await self._send(protocol.event(Event.ERROR, str(error)))
        finally:
            await self._stop_answer()
        await self._send(protocol.event(Event.END_OF_TURN))

    async def _carry(self, messages: AsyncIterator[Any]) -> None:
        first = await self._next(messages)
        if first is None or first.WhichOneof("content") != "config":
            raise CallError("the first message must be `config`")
        self._rate_hz = first.config.sample_rate
        if self._rate_hz not in RATES_HZ:
            raise CallError(
                f"a sample rate of {self._rate_hz} Hz is not from {RATES_HZ.start} to "
                f"{RATES_HZ.stop - 1} Hz"
            )
        await self._listener.open(self._rate_hz)
        await self._send(protocol.event(Event.LISTENING))
        while (message := await self._next(messages)) is not None:
            match message.WhichOneof("content"):
                case "audio_chunk":
                    await self._hear(message.audio_chunk)
                case "text_input":
                    await self._understood(message.text_input)
                case "config":
                    raise CallError("`config` came a second time")
        await self._follow(self._listener.end())
        if self._answer is not None:
            await self._answer

    async def _next(self, messages: AsyncIterator[Any]) -> Any:
        try:
            async with asyncio.timeout(IDLE_S):
                return await anext(messages, None)
        except TimeoutError:
            raise CallError(f"nothing came for {IDLE_S:.0f} s") from None

    async def _hear(self, pcm: bytes) -> None:
        piece = self._rate_hz * 2 * _PIECE_S
        for start in range(0, len(pcm), piece):
            await self._follow(self._listener.hear(pcm[start : start + piece]))

    async def _follow(self, hearing: Awaitable[list[Any]]) -> None:
        """Does what follows from what was heard."""
        asked = asyncio.get_running_loop().time()
        for heard in await hearing:
            match heard.kind:
                case Kind.BEGAN:
                    await self._interrupt()
                case Kind.INTERIM if heard.text != self._interim:
                    self._interim = heard.text
                    await self._send(protocol.transcript(heard.text))
                case Kind.FINAL if heard.text:
                    self._metrics.asr.observe(asyncio.get_running_loop().time() - asked)
                    await self._understood(heard.text)

    async def _understood(self, text: str) -> None:
        """An utterance is over: it is answered while the caller is listened to."""
        await self._interrupt()
        self._interim = ""
        await self._send(protocol.transcript(text))
        await self._send(protocol.event(Event.PROCESSING))
        self._answer = asyncio.create_task(self._give_answer(text))

    async def _interrupt(self) -> None:
        """The caller speaks into the answer, which ends there."""
        if await self._stop_answer():
            self._metrics.requests.labels("success").inc()
            await self._send(protocol.event(Event.LISTENING))

    async def _stop_answer(self) -> bool:
        """Stops an answer that is under way; whether there was one."""
        task, self._answer = self._answer, None
        if task is None or task.done():
            return False
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return True

    async def _give_answer(self, text: str) -> None:
        settings = self._settings
        sentences = language_model.answer(text, settings.words, settings.seed)
        waiting: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
        times = Times(self._metrics)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._write(sentences, waiting, times))
                both.create_task(self._speak(waiting, times))
        except* VoiceError as errors:
            self._metrics.requests.labels("error").inc()
            await self._send(protocol.event(Event.ERROR, str(errors.exceptions[0])))
        else:
            self._metrics.requests.labels("success").inc()
        await self._send(protocol.event(Event.LISTENING))

    async def _write(
        self, sentences: list[str], waiting: asyncio.Queue[str | None], times: "Times"
    ) -> None:
        sentence = ""
        async for word, ends in language_model.stream(sentences, self._pace):
            times.text()
            await self._send(protocol.llm_text(word))
            sentence += word
            if ends:
                await waiting.put(sentence.strip())
                sentence = ""
        times.last_text()
        await waiting.put(None)

    async def _speak(self, waiting: asyncio.Queue[str | None], times: "Times") -> None:
        chunk = self._rate_hz * _CHUNK_MS // 1000 * 2
        while (sentence := await waiting.get()) is not None:
            pcm, rate_hz = await self._voice.speak(sentence)
            pcm = await asyncio.to_thread(convert, pcm, rate_hz, self._rate_hz)
            await self._send(protocol.event(Event.SPEAKING))
            for start in range(0, len(pcm), chunk):
                times.audio()
                await self._send(protocol.audio(pcm[start : start + chunk]))


class Times:
    """The instants of an answer, as the metrics want them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._asked_s = self._now_s()
        self._first_text_s: float | None = None
        self._has_audio = False

    @staticmethod
    def _now_s() -> float:
        return asyncio.get_running_loop().time()

    def text(self) -> None:
        """Words of the answer are there."""
        if self._first_text_s is None:
            self._first_text_s = self._now_s()
            self._metrics.llm_ttft.observe(self._first_text_s - self._asked_s)

    def last_text(self) -> None:
        """There are no more words."""
        self._metrics.llm_total.observe(self._now_s() - self._asked_s)

    def audio(self) -> None:
        """Audio of the answer is there."""
        if not self._has_audio and self._first_text_s is not None:
            self._has_audio = True
            now_s = self._now_s()
            self._metrics.tts.observe(now_s - self._first_text_s)
            self._metrics.e2e.observe(now_s - self._asked_s)
