"""An asyncio grpcio client of the voice gateway: `naive` sleeps one chunk after each send, as load
tests commonly do; `absolute` sleeps until each chunk's own instant, the fair comparison."""

import asyncio
import json
import sys
import time

import grpc
import grpc.aio

METHOD = "/voice_workflow.VoiceGateway/StreamAudio"
CHUNK_S = 0.02
# ClientMessage.audio_chunk: field 2, 640 bytes of silence.
AUDIO = b"\x12\x80\x05" + bytes(640)
LEAD_S = 1.0


def config(session_id: str) -> bytes:
    """ClientMessage.config with language, session id and 16 kHz."""
    name = session_id.encode()
    inner = b"\x0a\x05en-US" + b"\x12" + bytes([len(name)]) + name + b"\x18\x80\x7d"
    return b"\x0a" + bytes([len(inner)]) + inner


async def session(
    channel: grpc.aio.Channel, kind: str, name: str, start: float, chunks: int, lags: list[float]
) -> None:
    await asyncio.sleep(max(0.0, start - time.monotonic()))
    call = channel.stream_stream(METHOD)()
    await call.write(config(name))
    for k in range(chunks):
        due = start + (k + 1) * CHUNK_S
        if kind == "naive":
            await asyncio.sleep(CHUNK_S)
        else:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await call.write(AUDIO)
        lags.append(time.monotonic() - due)
    await call.done_writing()
    async for _ in call:
        pass


async def main() -> None:
    kind, target, sessions, seconds, plan = sys.argv[1:]
    count, chunks = int(sessions), int(seconds) * 50
    first = time.monotonic() + LEAD_S
    # Spread over a second, and evenly over the chunk as well.
    starts = [first + n / count + n * 0.618034 % 1 * CHUNK_S for n in range(count)]
    with open(plan, "w") as file:
        for number, start in enumerate(starts):
            file.write(f"{kind}-{number},{round(start * 1e9)}\n")
    lags: list[float] = []
    async with grpc.aio.insecure_channel(target) as channel:
        await channel.channel_ready()
        calls = (
            session(channel, kind, f"{kind}-{number}", start, chunks, lags)
            for number, start in enumerate(starts)
        )
        await asyncio.gather(*calls)
    lags.sort()
    at = {"p50_ns": 0.5, "p99_ns": 0.99, "p999_ns": 0.999, "max_ns": 1.0}
    last = len(lags) - 1
    print(json.dumps({name: round(lags[int(last * q)] * 1e9) for name, q in at.items()}))


asyncio.run(main())
