"""What can go wrong: each error says what was wrong, where, and what to do."""

import re
from collections.abc import Sequence


class VoiceltError(Exception):
    """Anything that this package raises on purpose."""


class NotReadable(VoiceltError):
    """A run directory or a trace that is not there, is damaged, or is of a newer version."""


class CommandFailed(VoiceltError):
    """The command `voicelt` failed; the text of this error is what it said."""

    def __init__(self, command: Sequence[str], exit_code: int, message: str) -> None:
        super().__init__(message or f"`{' '.join(command)}` ended with exit code {exit_code}")
        self.command = list(command)
        self.exit_code = exit_code


class BadInput(CommandFailed):
    """Wrong usage or bad input (exit code 2): no such audio, a setting that cannot be."""


class TargetUnreachable(CommandFailed):
    """The gateway could not be reached (exit code 3), and nothing was started."""


def command_failed(command: Sequence[str], exit_code: int, said: str) -> CommandFailed:
    """The error for an exit code, with what was `said` on standard error as its text."""
    kinds: dict[int, type[CommandFailed]] = {2: BadInput, 3: TargetUnreachable}
    # Notes may come before the error.
    error = re.search(r"^error: ", said, re.MULTILINE)
    message = said[error.start() :] if error else said
    return kinds.get(exit_code, CommandFailed)(command, exit_code, message.strip())
