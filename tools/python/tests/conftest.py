"""What the tests stand on: the installed command, a gateway, and a run of the demo."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicelt import _binary

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def demo() -> Path:
    """The trace of the repository."""
    return REPOSITORY / "traces" / "demo.vtrace"


@pytest.fixture
def gateway() -> Iterator[str]:
    """The address of a gateway on a free port."""
    command = [_binary.find(), "gateway", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "listening on" in line)
            found = re.search(r"listening on (\S+)", line)
            assert found is not None, line
            yield found[1]
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture(scope="session")
def demo_run(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed loop of two users with rows for messages, with enough requests for a median."""
    path = tmp_path_factory.mktemp("runs") / "demo"
    _binary.run(
        *["run", "--users", "2", "--duration", "3s", "--think-time", "100ms"],
        *["--pace", "original", "--messages", "--quiet", "--target", "embedded"],
        *["--audio", str(demo), "--run-dir", str(path)],
    )
    return path
