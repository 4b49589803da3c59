"""A client on PyPI's websockets that offers permessage-deflate, types a text in fragments and waits for the answer."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect


def fragments(event: dict) -> list[str]:
    text = json.dumps(event)
    return [text[start : start + 20] for start in range(0, len(text), 20)]


async def main(url: str) -> None:
    async with connect(url, compression="deflate", subprotocols=["realtime"]) as socket:
        extensions = [extension.name for extension in socket.protocol.extensions]
        subprotocol = socket.subprotocol
        content = [{"type": "input_text", "text": "Hello, how are you?"}]
        item = {"type": "message", "role": "user", "content": content}
        await socket.send(fragments({"type": "conversation.item.create", "item": item}))
        await asyncio.wait_for(await socket.ping(), 30)
        await socket.send(json.dumps({"type": "response.create"}))
        async for message in socket:
            if json.loads(message)["type"] == "response.done":
                break
    print(f"extensions {extensions} subprotocol {subprotocol} close {socket.close_code}")


asyncio.run(asyncio.wait_for(main(sys.argv[1]), 60))
