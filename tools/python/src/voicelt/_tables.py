"""A table of a run: one file when the run is finished, numbered parts before that."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import polars as pl

from voicelt.errors import NotReadable

# How often parts are listed again that became one meanwhile.
_MOST_LOOKS = 16


@dataclass(frozen=True)
class Table:
    """The rows of a table, and what could not be read of it."""

    frame: pl.DataFrame | None
    """None where there is neither the file nor a part that can be read."""
    finished: bool
    """Whether this is the finished file."""
    unreadable: tuple[str, ...] = ()
    """A message for each part that could not be read."""

    @classmethod
    def read(cls, folder: Path, name: str) -> Self:
        """Reads the table `name` of the run in `folder`.

        Raises `NotReadable` for a finished file that cannot be read.
        """
        finished = folder / f"{name}.parquet"
        for look in range(_MOST_LOOKS):
            frames: list[pl.DataFrame] = []
            unreadable: list[str] = []
            # Parts are listed before the file is looked for: they go away only when it is there.
            listed = parts(folder, name)
            gone = False
            if not finished.exists():
                for part in listed:
                    try:
                        frames.append(pl.read_parquet(part))
                    except (OSError, pl.exceptions.PolarsError) as error:
                        gone |= isinstance(error, FileNotFoundError)
                        unreadable.append(f"{part}: {error}")
            # A run that ends while it is read takes its parts away.
            if finished.exists():
                try:
                    return cls(pl.read_parquet(finished), finished=True)
                except (OSError, pl.exceptions.PolarsError) as error:
                    raise NotReadable(f"{finished} is damaged: {error}") from error
            # One that goes on makes one part of many; then there is another that holds their rows.
            if not gone or look == _MOST_LOOKS - 1:
                break
        frame = pl.concat(frames) if frames else None
        return cls(frame, finished=False, unreadable=tuple(unreadable))

    def sorted(self, by: str) -> pl.DataFrame | None:
        """The rows in order of a column."""
        return None if self.frame is None else self.frame.sort(by, maintain_order=True)


def missing(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """The files of tables that the run in `folder` must have, as its manifest says, and has not.
    Runs of before do not list their tables."""
    if manifest.get("exit_reason") not in ("finished", "interrupted"):
        return []
    names = {*manifest.get("tables", {}), "requests", "timeline"}
    if manifest.get("spec", {}).get("messages") is True:
        names.add("messages")
    gone = (name for name in sorted(names) if not (folder / f"{name}.parquet").exists())
    return [f"{name}.parquet" for name in gone if not parts(folder, name)]


def parts(folder: Path, name: str) -> list[Path]:
    """The parts of the table `name`, in order, such as `requests-00001.parquet`, or those that hold
    several, such as `requests-00001-00016.parquet`; without those that another one covers. Files
    under other names, such as a part that is being written, are none of them."""
    pattern = re.compile(rf"{name}-(\d+)(?:-(\d+))?\.parquet")
    spans = [
        (int(found[1]), -int(found[2] or found[1]), path)
        for path in folder.iterdir()
        if (found := pattern.fullmatch(path.name)) is not None
    ]
    kept: list[Path] = []
    covered = 0
    for _, last, path in sorted(spans):
        if -last > covered:
            covered = -last
            kept.append(path)
    return kept
