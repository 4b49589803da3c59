#!/usr/bin/env python3
"""voicelt as Twilio, and a bot on Pipecat that it calls with the demo's clips.

    tools/ci/dialect_peers/twilio_pipecat.py VOICELT

Needs what `requirements-pipecat.txt` says, and espeak-ng.
"""

import sys
from pathlib import Path

from caller import Caller, answers
from peer_programs import running

HERE = Path(__file__).resolve().parent
DEMO = HERE.parents[2] / "traces/demo.vtrace"
# Of the demo.
CALLS, TURNS = 10, 12


def main() -> None:
    caller = Caller(Path(sys.argv[1]))
    with running([sys.executable, HERE / "pipecat_bot.py"]) as bot:
        [media] = bot.said(r"listening on (\S+:\d+)")
        rows = caller.replay("twilio", f"ws://{media[1]}/media", trace=DEMO, turns=TURNS)
        bot.said("call of twilio", CALLS)
        bot.said("hung up", CALLS)
    # pocketsphinx hears one caller at a time.
    print(f"pipecat: {answers(rows, 90)}")


if __name__ == "__main__":
    main()
