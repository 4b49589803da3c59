#!/usr/bin/env python3
"""OpenAI Realtime with programs that no one here wrote: servers that voicelt calls, a client that calls its gateway,
and a proxy in between.

    tools/ci/realtime_peers/run.py VOICELT --npm FOLDER --agents PYTHON --litellm PYTHON --websockets PYTHON

VOICELT is the program. FOLDER is where npm has installed `@copilotkit/aimock` and `ws`; the Pythons have what the
file of requirements of their name in this folder says, and `tests/it/foreign/realtime/requirements.txt`. A peer that
is not named has no turn. Each prints a line of what was found. All listen on loopback and end with this script, which
fails with a sentence that says what is wrong.
"""

import argparse
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from peer_programs import START_S, Peer, demand, running  # noqa: E402 - it lies beside this folder

RUN_S = 240
SESSIONS, TURNS = 6, 2
# A second of speech, at the rate of the wire, is so long in each turn.
SECONDS_A_TURN = 1


def free_port() -> int:
    """A port for programs that cannot be told to take any; nothing else takes it as quickly."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def until_answered(peer: Peer, url: str) -> None:
    """Waits until something answers at a URL, whatever it says."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            last = "\n".join(peer.lines[-30:])
            demand(not peer.is_over, f"{peer.process.args} ended:\n{last}")
            demand(time.monotonic() < deadline, f"{peer.process.args} does not answer at {url}:\n{last}")
            time.sleep(0.2)


class Caller:
    """voicelt, and a trace of a few calls of several turns."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.voicelt(
            *f"prepare -o calls.vtrace --synth speech-like:{SECONDS_A_TURN}s --arrivals constant:4/s".split(),
            *f"--sessions {SESSIONS} --turns {TURNS} --answer-time 3s --think-time 200ms".split(),
        )

    def voicelt(self, *arguments: str) -> str:
        ran = subprocess.run(
            [self.program, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=RUN_S, check=False
        )
        demand(
            ran.returncode == 0, f"voicelt {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
        )
        return ran.stdout

    def replay(self, name: str, target: str, *flags: str) -> dict[str, Any]:
        """The report of a replay, of which each turn must be a success."""
        self.voicelt(
            *"replay calls.vtrace --quiet --allow-invalid --turn-timing reactive --dialect realtime".split(),
            *("-t", target, "-o", name, *flags),
        )
        report = json.loads(self.voicelt("report", name, "--format", "json"))
        outcomes = {status: count for status, count in report["turns"]["outcomes"].items() if count}
        demand(outcomes == {"ok": SESSIONS * TURNS}, f"{name}: {outcomes}\n{self.voicelt('report', name)}")
        return report

    @contextlib.contextmanager
    def gateway(self, *flags: str) -> Iterator[str]:
        """The address of a gateway that speaks Realtime."""
        command = [self.program, "gateway", "--dialect", "realtime", "--listen", "127.0.0.1:0", *flags]
        with running(command) as peer:
            yield peer.said(r"listening on ([0-9.:]+)")[0][1]


def median(report: dict[str, Any], metric: str) -> str:
    """The median of a latency of the report."""
    return f"{report['latencies'][metric]['p50_ns'] / 1e6:.0f} ms"


PUSHED = ("--microphone", "push-to-talk")


def aimock(caller: Caller, npm: Path) -> str:
    """A mock of the service, which sends no events of speech and answers with text."""
    fixture = {"match": {"endpoint": "realtime"}, "response": {"content": "It will be there on Tuesday."}}
    (caller.folder / "aimock.json").write_text(json.dumps({"fixtures": [fixture]}))
    port = free_port()
    command = ["node", npm / "node_modules/@copilotkit/aimock/dist/cli.js", "--strict", "--validate-on-load"]
    with running([*command, "-p", str(port), "-f", caller.folder / "aimock.json"]) as peer:
        until_answered(peer, f"http://127.0.0.1:{port}/health")
        caller.replay("aimock", f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime", *PUSHED)
    return f"{SESSIONS * TURNS} turns answered with text"


def ws(caller: Caller, npm: Path) -> str:
    """A server on `ws`, with compression on offer, fragments, and pings in between."""
    with running(["node", HERE / "framing.mjs"], env={**os.environ, "NODE_PATH": str(npm / "node_modules")}) as peer:
        address = peer.said(r"listening on (\S+)")[0][1]
        caller.replay("ws", f"ws://{address}/v1/realtime?model=m", *PUSHED)
        ends = peer.said(r"closed with (\d+), (\d+) of (\d+) pings answered", SESSIONS)
    for end in ends:
        demand(end[1] == "1000" and end[2] == end[3], f"ws saw a session {end[0]}")
    return f"{SESSIONS * TURNS} turns answered, {sum(int(end[2]) for end in ends)} pings too"


def vllm(caller: Caller, python: Path) -> str:
    """A server of vLLM's protocol, which says what of it a caller did not keep to."""
    with running([python, HERE / "vllm.py"]) as peer:
        address = peer.said(r"listening on (\S+)")[0][1]
        flags = ("--profile", "vllm", "--session", "vllm.json", *PUSHED)
        (caller.folder / "vllm.json").write_text(json.dumps({"model": "voice-1"}))
        caller.replay("vllm", f"ws://{address}/v1/realtime", *flags)
        ends = peer.said(r"utterances (\d+) samples (\d+) faults (.*)", SESSIONS)
    for end in ends:
        demand(end[3] == "[]", f"vllm: {end[3]}")
        demand(int(end[1]) == TURNS, f"vllm heard {end[1]} utterances, not {TURNS}")
        wanted = TURNS * SECONDS_A_TURN * 16_000
        demand(int(end[2]) == wanted, f"vllm heard {end[2]} samples, not {wanted}")
    return f"{SESSIONS * TURNS} utterances transcribed, each of {SECONDS_A_TURN * 16_000} samples"


def litellm(caller: Caller, python: Path) -> str:
    """LiteLLM's proxy between voicelt and its gateway."""
    port = free_port()
    with caller.gateway() as address:
        model = {"model": "openai/gpt-realtime", "api_base": f"http://{address}/v1", "api_key": "sk-none"}
        # Without a key of its own it does not start.
        key = f"sk-{secrets.token_hex(32)}"
        config = {
            "model_list": [{"model_name": "voice", "litellm_params": model}],
            "general_settings": {"master_key": key},
        }
        (caller.folder / "litellm.yaml").write_text(json.dumps(config))
        command = [python.parent / "litellm", "--config", caller.folder / "litellm.yaml", "--host", "127.0.0.1"]
        with running([*command, "--port", str(port)], cwd=caller.folder) as peer:
            until_answered(peer, f"http://127.0.0.1:{port}/health/liveliness")
            target = f"ws://127.0.0.1:{port}/v1/realtime?model=voice"
            header = ("--header", f"authorization: Bearer {key}")
            report = caller.replay("litellm", target, *header)
            pushed = caller.replay("litellm-pushed", target, *header, *PUSHED)
    heard, said = (median(found, "response") for found in (report, pushed))
    return f"{2 * SESSIONS * TURNS} turns relayed, response p50 {heard} with the server's endpointing, {said} without"


def agents(caller: Caller, python: Path) -> str:
    """OpenAI's SDK for agents as a client of the gateway."""
    said = []
    for flags, told in (
        ((), ()),
        (("--greeting", "--late-transcripts", "300ms"), ("greeting",)),
        (("--tool-calls", "1"), ()),
    ):
        with caller.gateway(*flags) as address:
            client = subprocess.run(
                [python, HERE / "agents_client.py", address, *told],
                capture_output=True,
                text=True,
                timeout=RUN_S,
                check=False,
            )
        demand(client.returncode == 0, f"agents_client.py {' '.join(flags)}: {client.stdout}{client.stderr}")
        said.append(f"gateway {' '.join(flags)}: {client.stdout.strip()}")
    demand("0 tools" in said[0] and "0 tools" not in said[-1], f"agents: {said}")
    return "; ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description="OpenAI Realtime with programs that no one here wrote")
    parser.add_argument("program", type=Path, metavar="VOICELT")
    for name in ("npm", "agents", "litellm", "websockets"):
        parser.add_argument(f"--{name}", type=Path)
    given = parser.parse_args()
    peers = [
        (aimock, given.npm),
        (ws, given.npm),
        (vllm, given.websockets),
        (agents, given.agents),
        (litellm, given.litellm),
    ]
    with tempfile.TemporaryDirectory() as folder:
        caller = Caller(given.program.resolve(), Path(folder))
        for peer, place in peers:
            if place:
                started = time.monotonic()
                # A Python of an environment must not be resolved: its name leads to its packages.
                found = peer(caller, place.absolute())
                print(f"{peer.__name__}: {found} ({time.monotonic() - started:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
