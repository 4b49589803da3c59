"""What runs and traces have in common: a JSON file that says what the folder is, beside Parquet."""

import json
from pathlib import Path
from typing import Any

from voicelt.errors import NotReadable

# The major version of both formats that this package knows.
_KNOWN_MAJOR = 1
# What else a folder may be: the name of its manifest, what it is then, and what opens it.
_OTHERS = (("run.json", "run", "load_run"), ("trace.json", "trace", "read_trace"))


def manifest(path: Path, what: str, otherwise: str) -> dict[str, Any]:
    """What the manifest at `path` says; `what` it belongs to and what to do `otherwise` are for
    the error where there is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        for name, other, opener in _OTHERS:
            if path.parent.name == name or (path.parent / name).exists():
                raise NotReadable(
                    f"{path.parent} is a {other}, not a {what}: open it with voicelt.{opener}"
                ) from None
        raise NotReadable(
            f"no {what} at {path.parent}: there is no {path.name} in it; {otherwise}"
        ) from None
    except ValueError as error:
        raise NotReadable(f"{path} is damaged: {error}; make the {what} again") from None
    version = said.get("format") if isinstance(said, dict) else None
    major = version.split(".")[0] if isinstance(version, str) else ""
    if not major.isdigit():
        raise NotReadable(f"{path} is damaged: it has no `format`; make the {what} again")
    if int(major) > _KNOWN_MAJOR:
        raise NotReadable(
            f"{path} has format {version}, and this voicelt knows {_KNOWN_MAJOR}.x; "
            "install a newer one"
        )
    assert isinstance(said, dict)
    return said
