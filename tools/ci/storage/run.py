"""Keeps a trace in an object store that no one here wrote (moto's S3), and replays it from there.

    python tools/ci/storage/run.py target/debug/voicelt
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from moto.server import ThreadedMotoServer

TIMEOUT = 120
DEMO = "traces/demo.vtrace"


def main() -> None:
    program = sys.argv[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        _, port = server.get_host_and_port()
        with tempfile.TemporaryDirectory() as folder:
            checks(program, f"http://127.0.0.1:{port}", pathlib.Path(folder))
    finally:
        server.stop()


def checks(program: str, endpoint: str, folder: pathlib.Path) -> None:
    environment = os.environ | {
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": "a-s3cret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }

    def voicelt(*arguments: str, exits: int = 0, says: str = "", **other: str | None) -> str:
        changed = {name: value for name, value in (environment | other).items() if value is not None}
        done = subprocess.run(
            [program, *arguments], env=changed, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == exits, f"{arguments}: exit code {done.returncode}\n{said}"
        assert says in said, f"{arguments}: {says!r} is not in\n{said}"
        assert "s3cret" not in said, f"{arguments} shows a secret"
        return said

    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/loads", method="PUT"), timeout=10).close()
    place = "s3://loads/traces/demo.vtrace"

    voicelt("trace", "push", DEMO, place, says="files copied")
    voicelt("trace", "push", DEMO, place, says="is there already")
    shuffled = str(folder / "shuffled.vtrace")
    voicelt("trace", "shuffle", DEMO, "--seed", "1", "-o", shuffled)
    voicelt("trace", "push", shuffled, place, exits=2, says="another trace")

    # One call of the trace needs a few of its clips, and the rest is not fetched.
    run = str(folder / "run")
    voicelt("replay", place, "--target", "embedded", "--limit", "1", "--run-dir", run, "--allow-invalid")
    fetched = len(list((folder / "cache").rglob("*.wav")))
    clips = int(re.search(r"(\d+) clips", voicelt("trace", "info", place))[1])
    assert 0 < fetched < clips, (fetched, clips)

    pulled = str(folder / "pulled.vtrace")
    voicelt("trace", "pull", place, "-o", pulled)
    voicelt("trace", "check", pulled, says="valid")
    voicelt("trace", "check", place, says="valid")
    assert "differ      0" in voicelt("trace", "diff", DEMO, place)

    voicelt("trace", "check", "s3://loads/none", exits=2, says="voicelt trace push")
    voicelt("trace", "check", "s3://nobody/none", exits=2, says="nobody")
    # A store that is not there, and a machine without credentials.
    voicelt("trace", "check", place, exits=1, says="cannot read", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    keys = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    voicelt("trace", "check", place, exits=1, says="AWS_ACCESS_KEY_ID", **keys)
    print("the trace came back from the store as it went there")


if __name__ == "__main__":
    main()
