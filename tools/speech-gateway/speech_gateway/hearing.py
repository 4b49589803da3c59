"""Turns a caller's audio into utterances and words: what a recogniser's process does."""

from collections import deque
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

from .endpointing import FRAME_MS, Endpointer
from .resampling import Resampler

RATE_HZ = 16_000
_FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
# Audio before an utterance was noticed that is recognised with it.
_BEFORE_FRAMES = 12
# How often a hypothesis is asked for.
_INTERIM_FRAMES = 7


class Kind(Enum):
    """What happened."""

    BEGAN = "began"
    INTERIM = "interim"
    FINAL = "final"


@dataclass(frozen=True)
class Heard:
    """Something that happened, and the words so far."""

    kind: Kind
    text: str = ""


class Hearing:
    """One call: its audio in, what happened out."""

    def __init__(self, decoder: Any, vad: Any, rate_hz: int, silence_ms: int) -> None:
        self._decoder, self._vad = decoder, vad
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._endpointer = Endpointer(silence_ms)
        self._pending = b""
        self._before: deque[bytes] = deque(maxlen=_BEFORE_FRAMES)
        self._frames = 0
        self._inside = False

    def push(self, pcm: bytes) -> list[Heard]:
        """Takes in audio at the call's rate."""
        return self._frames_of(self._resampler.push(pcm))

    def end(self) -> list[Heard]:
        """There is no more audio: what was being said has been said."""
        heard = self._frames_of(self._resampler.push(b"", last=True))
        if self._inside:
            if self._pending:
                self._decoder.process_raw(self._pending, False, False)
            heard.append(self._final())
        return heard

    def _frames_of(self, pcm: bytes) -> list[Heard]:
        self._pending += pcm
        heard: list[Heard] = []
        while len(self._pending) >= _FRAME_BYTES:
            frame, self._pending = self._pending[:_FRAME_BYTES], self._pending[_FRAME_BYTES:]
            heard += self._frame(frame)
        return heard

    def _frame(self, frame: bytes) -> list[Heard]:
        inside = self._endpointer.frame(self._vad.is_speech(frame))
        if not inside and not self._inside:
            self._before.append(frame)
            return []
        if not inside:
            return [self._final()]
        heard = []
        if not self._inside:
            self._inside, self._frames = True, 0
            self._decoder.start_utt()
            for earlier in self._before:
                self._decoder.process_raw(earlier, False, False)
            self._before.clear()
            heard.append(Heard(Kind.BEGAN))
        self._decoder.process_raw(frame, False, False)
        self._frames += 1
        if self._frames % _INTERIM_FRAMES == 0 and (text := self._words()):
            heard.append(Heard(Kind.INTERIM, text))
        return heard

    def _final(self) -> Heard:
        self._inside = False
        self._decoder.end_utt()
        return Heard(Kind.FINAL, self._words())

    def _words(self) -> str:
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""


def serve(requests: Connection, silence_ms: int) -> None:
    """The recogniser's process: a call after the other, until the gateway hangs up."""
    import signal

    from pocketsphinx import Decoder, Vad

    # Ctrl-C is the gateway's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    vad = Vad(mode=Vad.MEDIUM_STRICT, sample_rate=RATE_HZ, frame_length=FRAME_MS / 1000)
    # Loudness is normalised as in a fresh process, or a call would be heard by the one before it.
    cepstral_mean = decoder.get_cmn(False)
    call: Hearing | None = None
    while True:
        try:
            what, value = requests.recv()
        except EOFError:
            return
        heard: list[Heard] = []
        if what == "open":
            decoder.set_cmn(cepstral_mean)
            call = Hearing(decoder, vad, value, silence_ms)
        elif what == "audio" and call is not None:
            heard = call.push(value)
        elif what == "end" and call is not None:
            heard, call = call.end(), None
        requests.send(heard)
