"""The command that comes with the wheel."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import voicelt
from voicelt import _binary


def module(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "voicelt", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_has_the_version_of_the_package() -> None:
    version = importlib.metadata.version("voicelt")
    assert _binary.run("--version") == f"voicelt {version}\n"
    assert module("--version").stdout == f"voicelt {version}\n"


def test_the_module_hands_on_exit_codes() -> None:
    done = module("report", "no-such-run")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")


def test_the_command_is_the_one_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICELT", raising=False)
    monkeypatch.setenv("PATH", "")
    assert Path(_binary.find()).parent == Path(sys.executable).parent


def test_a_command_that_is_named_and_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICELT", "/no/such/voicelt")
    with pytest.raises(voicelt.VoiceltError, match=r"/no/such/voicelt.*unset it"):
        _binary.find()
    done = module("--version")
    assert done.returncode == 1
    assert "/no/such/voicelt" in done.stderr
