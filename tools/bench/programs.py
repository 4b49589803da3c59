"""The programs that are measured, built as they are released."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def built(*names: str) -> list[Path]:
    """Builds programs of this repository with the profile `dist`, and says where they are."""
    build = ["cargo", "build", "--profile", "dist", "--quiet", "--workspace"]
    chosen = [argument for name in names for argument in ("--bin", name)]
    subprocess.run([*build, *chosen], cwd=ROOT, check=True)
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    return [target / "dist" / name for name in names]
