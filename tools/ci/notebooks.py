"""Executes the notebooks in a copy, on the runs that are shipped with them and on others.

    notebooks.py VOICELT [RUN...]        fails on an error, and on outputs that are out of date
    notebooks.py --write VOICELT         puts new outputs and pictures in the place of the old ones
    notebooks.py --only 01 ...           either, with those alone whose names begin so

Needs the packages of notebooks/requirements.txt. What 01 and 02 print of the shipped runs is the
same everywhere and must be what is committed. The other two measure: only the kinds of their
outputs are compared.
"""

import argparse
import base64
import io
import json
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import polars as pl
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "notebooks"
ANALYSE, COMPARE, EXPLORE, IMPORT = (path.name for path in sorted(HOME.glob("0*.ipynb")))
REPEATABLE = (ANALYSE, COMPARE)

CELL_TIMEOUT_S = 180
MOST_BYTES, MOST_BYTES_TOGETHER, MOST_BYTES_OF_PICTURE = 250_000, 700_000, 80_000

# A place on the machine where a notebook was executed, which has no business in its outputs.
OWN_PLACE = re.compile(r"(?<![\w.])/(home|root|tmp|work|Users|github)/")


def execute(folder: Path, name: str, settings: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook with its outputs; ends the program with the cell and error where one fails."""
    notebook = nbformat.read(folder / name, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    ours = ("RUN_DIR", "BASE_DIR", "TRACE_DIR", "LOG_FILE", "LOG_OPTIONS", "VOICELT")
    kernel = {key: value for key, value in os.environ.items() if key not in ours} | settings
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute(env=kernel)
    except CellExecutionError as error:
        raise SystemExit(f"{name} with {settings}: {error}") from error
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        # When a cell ran, and what a run of it was called, would differ each time.
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("metadata", {}).clear()
            # Of a picture its PNG is enough; what text there is says only where it lay in memory.
            if "image/png" in output.get("data", {}):
                output.data = {"image/png": fewer_colours(output.data["image/png"])}
    return notebook


def fewer_colours(image: str) -> str:
    """The same PNG with 64 colours: a tenth of the bytes, and the eye sees no difference."""
    smaller = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB")
    picture.quantize(64, dither=Image.Dither.NONE).save(smaller, "PNG", optimize=True)
    return base64.b64encode(smaller.getvalue()).decode()


def killed(run: Path, name: str, turns: pl.Expr) -> str:
    """A run that was killed when these turns had ended: parts, no timeline, no summary."""
    left = run.with_name(name)
    left.mkdir()
    told = json.loads((run / "run.json").read_text())
    told |= {"exit_reason": "running", "verdict": None, "summary": None}
    (left / "run.json").write_text(json.dumps(told))
    rows = pl.read_parquet(run / "requests.parquet").filter(turns)
    for number, part in enumerate((rows[: rows.height // 2], rows[rows.height // 2 :]), 1):
        part.write_parquet(left / f"requests-{number:05}.parquet")
    return str(left)


def printed(notebook: nbformat.NotebookNode) -> list[str]:
    """What each cell wrote as text."""
    outputs = (
        [o.text for o in cell.get("outputs", []) if o.output_type == "stream"]
        for cell in notebook.cells
    )
    return ["".join(texts) for texts in outputs]


def shape(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """The kinds of outputs of each cell."""
    kinds = (
        [",".join(o.get("data", {"text": 0})) for o in c.get("outputs", [])] for c in notebook.cells
    )
    return [list(dict.fromkeys(one)) for one in kinds]


def picture(notebook: nbformat.NotebookNode) -> bytes:
    """The picture that stands for the notebook: the output of the cell with that tag."""
    cells = [cell for cell in notebook.cells if "picture" in cell.metadata.get("tags", [])]
    images = [
        o.data["image/png"] for c in cells for o in c.outputs if "image/png" in o.get("data", {})
    ]
    if len(images) != 1:
        raise SystemExit(f"{len(images)} pictures are tagged as the one of a notebook, not 1")
    return base64.b64decode(images[0])


def picture_path(name: str) -> Path:
    return HOME / "pictures" / f"{Path(name).stem}.png"


def write(executed: dict[str, nbformat.NotebookNode]) -> None:
    for name, notebook in executed.items():
        nbformat.write(notebook, HOME / name)
        picture_path(name).parent.mkdir(exist_ok=True)
        picture_path(name).write_bytes(picture(notebook))


def complaints(executed: dict[str, nbformat.NotebookNode]) -> list[str]:
    """What is wrong with the notebooks as they are committed, beside what they are now."""
    found = []
    for name, now in executed.items():
        kept = nbformat.read(HOME / name, as_version=4)
        code = [cell for cell in kept.cells if cell.cell_type == "code"]
        counts = [cell.execution_count for cell in code]
        if counts != list(range(1, len(code) + 1)):
            found.append(f"{name}: its cells were not executed once each, in order")
        elif shape(kept) != shape(now):
            found.append(f"{name}: its outputs are not those of its cells")
        elif name in REPEATABLE and printed(kept) != printed(now):
            found.append(f"{name}: it prints other figures than those that are committed")
        elif not picture_path(name).exists() or picture_path(name).read_bytes() != picture(kept):
            found.append(f"{picture_path(name).name}: not the picture of the notebook")
        if place := OWN_PLACE.search((HOME / name).read_text()):
            found.append(f"{name}: {place.group()}… is a place on some machine")
    sizes = {name: (HOME / name).stat().st_size for name in executed}
    found += [
        f"{name}: {size} bytes, too many" for name, size in sizes.items() if size > MOST_BYTES
    ]
    if sum(sizes.values()) > MOST_BYTES_TOGETHER:
        found.append(f"the notebooks have {sum(sizes.values())} bytes together, too many")
    for path in sorted((HOME / "pictures").iterdir()):
        if path.stat().st_size > MOST_BYTES_OF_PICTURE:
            found.append(f"{path.name}: {path.stat().st_size} bytes, too many")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("voicelt")
    parser.add_argument("runs", nargs="*")
    arguments = parser.parse_args()
    runs = [str(Path(run).resolve()) for run in arguments.runs]
    with tempfile.TemporaryDirectory() as temp:
        folder = shutil.copytree(HOME, Path(temp, "notebooks"))
        Path(temp, "traces").symlink_to(ROOT / "traces")
        shipped = folder / "data" / "build-a"
        if not arguments.write:
            unanswered = pl.col("response_ns").is_null()
            first = pl.int_range(pl.len()) < 1
            runs += [killed(shipped, "unanswered", unanswered), killed(shipped, "single", first)]
        others = [(ANALYSE, {"RUN_DIR": run}) for run in runs]
        others += [(COMPARE, {"BASE_DIR": str(shipped), "RUN_DIR": run}) for run in runs]
        others += [(COMPARE, {"BASE_DIR": run, "RUN_DIR": run}) for run in runs]
        tasks = [(name, {}) for name in REPEATABLE] + others
        tasks = [task for task in tasks if task[0].startswith(arguments.only)]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            done = list(pool.map(lambda task: execute(folder, *task), tasks))
        executed = {
            name: it for (name, settings), it in zip(tasks, done, strict=True) if not settings
        }
        # One after the other, since they measure.
        for name in (EXPLORE, IMPORT):
            if name.startswith(arguments.only):
                program = str(Path(arguments.voicelt).resolve())
                executed[name] = execute(folder, name, {"VOICELT": program})
    if not executed:
        sys.exit(f"no notebook begins with {arguments.only}")
    if arguments.write:
        write(executed)
    if found := complaints(executed):
        sys.exit("\n".join(found) + "\ntools/ci/notebooks.py --write VOICELT executes them anew")
    on_others = sum(bool(settings) for _, settings in tasks)
    print(f"{len(executed)} executed on what is shipped, and {on_others} times on other runs")


if __name__ == "__main__":
    main()
