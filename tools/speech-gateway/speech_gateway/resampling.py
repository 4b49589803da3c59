"""From one sample rate to another, by soxr."""

import numpy as np
import soxr


def convert(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """A whole piece of PCM16 at another rate."""
    if from_hz == to_hz or not pcm:
        return pcm
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2")
    converted: bytes = soxr.resample(samples, from_hz, to_hz).astype("<i2").tobytes()
    return converted


class Resampler:
    """PCM16 at another rate as it comes in."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = None
        if from_hz != to_hz:
            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="MQ")
        self._odd = b""

    def push(self, pcm: bytes, last: bool = False) -> bytes:
        """What is ready after `pcm`; a sample may be cut in two between pieces."""
        pcm = self._odd + pcm
        whole = len(pcm) // 2 * 2
        pcm, self._odd = pcm[:whole], pcm[whole:]
        if self._stream is None:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2")
        ready: bytes = self._stream.resample_chunk(samples, last=last).astype("<i2").tobytes()
        return ready
