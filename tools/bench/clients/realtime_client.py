"""An asyncio client of OpenAI's Realtime protocol on PyPI `websockets`, each session on an absolute schedule: it
sleeps until each chunk's own instant. Audio that comes back is decoded."""

import asyncio
import base64
import json
import sys
import time

from websockets.asyncio.client import ClientConnection, connect

CHUNK_S = 0.02
# Of PCM16 at 24 kHz.
CHUNK_BYTES = 960
# Sessions are open before the first speaks.
LEAD_S = 2.0
UPDATE = {
    "type": "session.update",
    "session": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}}}},
}


def append(chunk: bytes) -> str:
    audio = base64.b64encode(chunk).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": audio}, separators=(",", ":"))


async def hear(socket: ClientConnection) -> int:
    """Reads what is answered until the session is closed; bytes of audio."""
    heard = 0
    async for message in socket:
        event = json.loads(message)
        if event["type"] == "response.output_audio.delta":
            heard += len(base64.b64decode(event["delta"]))
    return heard


async def session(target: str, name: str, start: float, chunks: list[bytes], lags: list[float]) -> None:
    headers = {"x-voicelt-session-id": name}
    async with connect(target, additional_headers=headers, compression=None, max_size=None) as socket:
        await socket.recv()
        await socket.send(json.dumps(UPDATE))
        await socket.recv()
        hearing = asyncio.create_task(hear(socket))
        for k, chunk in enumerate(chunks):
            due = start + (k + 1) * CHUNK_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await socket.send(append(chunk))
            lags.append(time.monotonic() - due)
    if not await hearing:
        raise RuntimeError(f"{name} was not answered")


async def main() -> None:
    target, sessions, seconds, audio, plan = sys.argv[1:]
    count, wanted = int(sessions), int(seconds) * 50
    with open(audio, "rb") as file:
        pcm = file.read(wanted * CHUNK_BYTES)
    chunks = [pcm[at : at + CHUNK_BYTES] for at in range(0, len(pcm), CHUNK_BYTES)]
    first = time.monotonic() + LEAD_S
    # Spread over a second, and evenly over the chunk as well.
    starts = [first + n / count + n * 0.618034 % 1 * CHUNK_S for n in range(count)]
    with open(plan, "w") as file:
        for number, start in enumerate(starts):
            file.write(f"asyncio-{number},{round(start * 1e9)}\n")
    lags: list[float] = []
    await asyncio.gather(
        *(session(target, f"asyncio-{number}", start, chunks, lags) for number, start in enumerate(starts))
    )
    lags.sort()
    at = {"p50_ns": 0.5, "p99_ns": 0.99, "p999_ns": 0.999, "max_ns": 1.0}
    last = len(lags) - 1
    print(json.dumps({name: round(lags[int(last * q)] * 1e9) for name, q in at.items()}))


asyncio.run(main())
