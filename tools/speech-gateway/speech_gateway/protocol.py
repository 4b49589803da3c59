"""The protocol's messages: read from `proto/voice_workflow.proto` as the gateway starts."""

import enum
import sys
from pathlib import Path
from typing import Any

import grpc

PROTO = Path(__file__).resolve().parents[3] / "proto"
SERVICE = "voice_workflow.VoiceGateway"
METHOD = "StreamAudio"


class Event(enum.IntEnum):
    """What a gateway announces."""

    LISTENING = 1
    PROCESSING = 2
    SPEAKING = 3
    ERROR = 4
    END_OF_TURN = 5


def _messages() -> Any:
    if not (PROTO / "voice_workflow.proto").exists():
        raise SystemExit(f"{PROTO}/voice_workflow.proto is missing: start from a whole checkout")
    sys.path.insert(0, str(PROTO))
    try:
        return grpc.protos("voice_workflow.proto")
    finally:
        sys.path.remove(str(PROTO))


_MESSAGES = _messages()
ClientMessage: Any = _MESSAGES.ClientMessage
ServerMessage: Any = _MESSAGES.ServerMessage


def transcript(text: str) -> Any:
    """What has been heard so far, or in the end."""
    return ServerMessage(transcript_chunk=text)


def llm_text(text: str) -> Any:
    """The next words of the answer."""
    return ServerMessage(llm_response_chunk=text)


def audio(pcm: bytes) -> Any:
    """PCM16, little-endian, mono, at the rate of the call."""
    return ServerMessage(audio_chunk=pcm)


def event(kind: Event, message: str = "") -> Any:
    """An event, with a sentence where it needs one."""
    return ServerMessage(event={"type": int(kind), "message": message})
