"""A client on OpenAI's SDK for agents: what it hears of a gateway that speaks OpenAI Realtime.

    agents_client.py ADDRESS [greeting]

It hears out the greeting, if there is to be one, says something aloud, types something, speaks over an answer, and
prints what came of that. Needs the PyPI package `openai-agents`.
"""

import array
import asyncio
import math
import sys
from collections import Counter
from collections.abc import Callable

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession

RATE_HZ = 24_000
PIECE_S = 0.02
WAIT_S = 60


@function_tool
def look_up_order(order: str = "") -> str:
    """Where an order is."""
    return f"order {order} is on its way"


def demand(holds: object, what: str) -> None:
    if not holds:
        sys.exit(f"agents_client.py: {what}")


class Ear:
    """Counts the events of a session."""

    def __init__(self, session: RealtimeSession) -> None:
        self.session = session
        self.counts: Counter[str] = Counter()
        self.audio_bytes = 0
        self.changed = asyncio.Condition()

    async def listen(self) -> None:
        async for event in self.session:
            async with self.changed:
                demand(event.type not in ("error", "guardrail_tripped"), f"{event}")
                self.counts[event.type] += 1
                if event.type == "audio":
                    self.audio_bytes += len(event.audio.data)
                if event.type == "raw_model_event":
                    demand(event.data.type not in ("error", "exception"), f"{event.data}")
                    self.counts[f"raw {event.data.type}"] += 1
                self.changed.notify_all()

    async def hears(self, what: str, holds: Callable[[], bool]) -> None:
        async with self.changed:
            try:
                await asyncio.wait_for(self.changed.wait_for(holds), WAIT_S)
            except TimeoutError:
                sys.exit(f"agents_client.py: {what} did not come; what came: {dict(self.counts)}")


async def speak(session: RealtimeSession, seconds: float, level: int) -> None:
    """A tone of so many seconds, or silence, at the pace of a microphone."""
    samples = round(RATE_HZ * PIECE_S)
    tone = array.array("h", (round(level * math.sin(index / 5)) for index in range(samples)))
    for _ in range(round(seconds / PIECE_S)):
        await session.send_audio(tone.tobytes())
        await asyncio.sleep(PIECE_S)


async def talk(address: str, is_greeted: bool) -> str:
    agent = RealtimeAgent(name="caller", instructions="Be brief.", tools=[look_up_order])
    runner = RealtimeRunner(agent)
    config = {
        "url": f"ws://{address}/v1/realtime?model=gpt-realtime",
        "api_key": "sk-none",
        "initial_model_settings": {
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "server_vad", "interrupt_response": True},
        },
    }
    async with await runner.run(model_config=config) as session:
        ear = Ear(session)
        listening = asyncio.create_task(ear.listen())
        counts = ear.counts
        if is_greeted:
            await ear.hears("the greeting", lambda: counts["audio_end"] > 0)
        ends = counts["audio_end"]
        await speak(session, 1, 9_000)
        await speak(session, 1, 0)
        transcribed = "raw input_audio_transcription_completed"
        await ear.hears("the transcript", lambda: counts[transcribed] > 0)
        await ear.hears("the spoken answer", lambda: counts["audio_end"] > ends)
        ends = counts["audio_end"]
        await session.send_message("Where is my order?")
        await ear.hears("the answer to what was typed", lambda: counts["audio_end"] > ends)
        # Over an answer that is being heard.
        sounds = counts["audio"]
        await session.send_message("Tell me more.")
        await ear.hears("sound to speak over", lambda: counts["audio"] > sounds)
        await speak(session, 0.5, 9_000)
        await ear.hears("an interruption", lambda: counts["audio_interrupted"] > 0)
        ends = counts["audio_end"]
        await speak(session, 1, 0)
        await ear.hears("the answer to that", lambda: counts["audio_end"] > ends)
        demand(not listening.done(), "the session ended by itself")
        listening.cancel()
    seconds = ear.audio_bytes / 2 / RATE_HZ
    return (
        f"{counts[transcribed]} transcripts, {counts['audio_end']} answers of {seconds:.1f} s in all, "
        f"{counts['audio_interrupted']} interrupted, {counts['tool_end']} tools called"
    )


if __name__ == "__main__":
    print(asyncio.run(talk(sys.argv[1], "greeting" in sys.argv[2:])))
