"""The programs that are measured, built as they are released."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def built(*names: str, given: dict[str, Path | None] | None = None) -> list[Path]:
    """Where programs of this repository are: those that are not given are built with the profile `dist`."""
    there = {name: path.resolve(strict=True) for name, path in (given or {}).items() if path}
    missing = [name for name in names if name not in there]
    if missing:
        there |= zip(missing, build(missing))
    return [there[name] for name in names]


def build(names: list[str]) -> list[Path]:
    command = ["cargo", "build", "--profile", "dist", "--quiet", "--workspace"]
    chosen = [argument for name in names for argument in ("--bin", name)]
    subprocess.run([*command, *chosen], cwd=ROOT, check=True)
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    return [target / "dist" / name for name in names]
