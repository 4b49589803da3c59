"""In place of a language model: words about what was heard, at a steady pace."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

_OPENINGS = [
    "I heard you say: {heard}.",
    "You said: {heard}.",
    "So it is about this: {heard}.",
]
_SENTENCES = [
    "Let me look that up for you.",
    "That will take a moment.",
    "Is there anything else that you would like to know?",
    "I have made a note of it.",
    "We can go through it step by step.",
    "Most people ask about that in the morning.",
    "Please tell me if that is not what you meant.",
    "Thank you for waiting.",
]
# Of what was heard, the answer repeats so much.
_REPEATED_WORDS = 12


def answer(heard: str, words: int, seed: int) -> list[str]:
    """Sentences of about `words` words besides those heard; equal arguments give equal answers."""
    digest = hashlib.sha256(f"{seed} {heard}".encode()).digest()
    chance = random.Random(digest)
    repeated = " ".join(heard.split()[:_REPEATED_WORDS])
    sentences = [chance.choice(_OPENINGS).format(heard=repeated)]
    count = 0
    while count < words:
        sentences.append(chance.choice(_SENTENCES))
        count += len(sentences[-1].split())
    return sentences


@dataclass(frozen=True)
class Pace:
    """When words come: seconds from the question to the first, and how many a second then."""

    first_word_s: float
    words_per_second: float

    def due_s(self, word: int) -> float:
        """When word number `word`, from 0, is due: seconds after the question."""
        return self.first_word_s + word / self.words_per_second


async def stream(sentences: list[str], pace: Pace) -> AsyncIterator[tuple[str, bool]]:
    """The words, each when it is due, with the space after it and whether it ends its sentence.

    Instants count from the question, so that a slow reader does not slow the words that follow.
    """
    loop = asyncio.get_running_loop()
    asked = loop.time()
    number = 0
    for sentence in sentences:
        words = sentence.split()
        for place, word in enumerate(words):
            await asyncio.sleep(asked + pace.due_s(number) - loop.time())
            number += 1
            yield word + " ", place == len(words) - 1
