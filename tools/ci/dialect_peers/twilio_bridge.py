#!/usr/bin/env python3
"""voicelt as Twilio, put through by OpenAI's SDK for agents to the gateway, which speaks OpenAI Realtime.

    NODE_PATH=FOLDER tools/ci/dialect_peers/twilio_bridge.py VOICELT

FOLDER is where npm has installed `@openai/agents`, `@openai/agents-extensions` and `ws`. Needs `pyarrow`.
"""

import sys
from pathlib import Path

from caller import SESSIONS, TURNS, Caller, answers, demand
from peer_programs import running

BRIDGE = Path(__file__).resolve().with_name("agents_bridge.mjs")
LISTENING = r"listening on (\S+:\d+)"


def main() -> None:
    caller = Caller(Path(sys.argv[1]))
    gateway = [caller.program, "gateway", "--dialect", "realtime", "--listen", "127.0.0.1:0"]
    with running(gateway) as server:
        [realtime] = server.said(LISTENING)
        with running(["node", BRIDGE, realtime[1]]) as bridge:
            [media] = bridge.said(LISTENING)
            rows = caller.replay("twilio", f"ws://{media[1]}/media")
            ends = bridge.said(r"closed with (\d+), marks (\d+), faults (.*)", SESSIONS)
    for end in ends:
        demand(end[1] == "1000" and end[3] == "[]", f"the bridge saw a session {end[0]}")
        # One for the end of each answer, and more for its pieces.
        demand(int(end[2]) > TURNS, f"the bridge was told of {end[2]} marks")
    marks = sum(int(end[2]) for end in ends)
    print(f"agents: {answers(rows, 10)}, {marks} marks heard")


if __name__ == "__main__":
    main()
