"""Finds the command `voicelt`, and runs it to its end."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

from voicelt.errors import VoiceltError, command_failed


def find() -> str:
    """The command: what the environment variable `VOICELT` names, else the one that was installed
    with this package, else the one on the `PATH`."""
    named = os.environ.get("VOICELT")
    if named:
        found = shutil.which(named)
        if found is None:
            raise VoiceltError(
                f"VOICELT is `{named}`, which is no command; "
                "set it to the path of voicelt, or unset it"
            )
        return found
    installed = Path(sysconfig.get_path("scripts")) / "voicelt"
    found = shutil.which(str(installed)) or shutil.which("voicelt")
    if found is None:
        raise VoiceltError(
            f"there is no command `voicelt`, neither at {installed} nor on the PATH; "
            "install the wheel, or set VOICELT to the path of the command"
        )
    return found


def run(*arguments: str) -> str:
    """What the command printed.

    Raises `CommandFailed` with what it said where it did not end well.
    """
    command = [find(), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise command_failed(command, done.returncode, done.stderr)
    return done.stdout
