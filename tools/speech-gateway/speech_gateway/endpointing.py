"""Where utterances begin and end, from what each frame holds. Pure: it sees no audio."""

from collections import deque
from dataclasses import dataclass, field

FRAME_MS = 30
# So many of the last frames with speech begin an utterance: a click does not.
_WINDOW = 5
_ENOUGH = 3


@dataclass
class Endpointer:
    """Says for each frame of 30 ms whether it lies inside an utterance."""

    silence_ms: int
    in_speech: bool = False
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _silent_ms: int = 0

    def frame(self, has_speech: bool) -> bool:
        """Takes in a frame; true inside an utterance, and no more once its silence is over."""
        self._recent.append(has_speech)
        if self.in_speech:
            self._silent_ms = 0 if has_speech else self._silent_ms + FRAME_MS
            if self._silent_ms >= self.silence_ms:
                self.in_speech = False
                self._recent.clear()
        elif sum(self._recent) >= _ENOUGH:
            self.in_speech = True
            self._silent_ms = 0
        return self.in_speech
