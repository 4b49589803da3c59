"""`python -m voicelt` is the command `voicelt`."""

import os
import sys

from voicelt._binary import find
from voicelt.errors import VoiceltError

if __name__ == "__main__":
    try:
        command = find()
    except VoiceltError as error:
        sys.exit(f"error: {error}")
    # The command takes this process's place, so that signals and exit codes are its own.
    os.execv(command, [command, *sys.argv[1:]])
