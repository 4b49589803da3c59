#!/usr/bin/env python3
"""Prepares a library of many tiny files twice, and demands that it takes little memory.

    tools/ci/library.py VOICELT [--files N]

The second run reuses what the first has made. Prints the time and the peak memory of both. What the program takes for
a hundred files is taken off; the rest must be at most 1 kB a file.
"""

import argparse
import array
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Bytes of memory for each file.
MOST = 1_000
# Samples of 16 kHz in a file: 200 ms.
SAMPLES = 3_200
# Files in a folder.
IN_A_FOLDER = 1_000
# So many are as good as none.
FEW = 100


def write_files(folder: Path, files: int) -> None:
    """Writes WAV files of noise, of which no two are equal."""
    noise = array.array("h", (random.Random(1).randrange(-3_000, 3_000) for _ in range(SAMPLES)))
    size = 2 * SAMPLES
    header = b"RIFF" + struct.pack("<I", 36 + size) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    header += b"data" + struct.pack("<I", size)
    for number in range(files):
        place = folder / f"speaker-{number // IN_A_FOLDER:04}"
        if number % IN_A_FOLDER == 0:
            place.mkdir(parents=True)
        noise[0], noise[1] = number % 30_000, number // 30_000
        (place / f"utterance-{number:07}.wav").write_bytes(header + noise.tobytes())


def prepare(voicelt: str, folder: Path, out: Path) -> tuple[str, float, int]:
    """What became of the files, the time in seconds, and the peak memory in bytes."""
    start = time.monotonic()
    command = [voicelt, "prepare", str(folder), "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"library.py: {said}")
    found = re.search(r"^files +(\d+ converted, \d+ reused)", said, re.MULTILINE)
    return found[1] if found else said, time.monotonic() - start, usage.ru_maxrss * 1_024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voicelt")
    parser.add_argument("--files", type=int, default=60_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        few, many = Path(place) / "few", Path(place) / "many"
        write_files(few, FEW)
        write_files(many, args.files)
        _, _, least = prepare(args.voicelt, few, Path(place) / "few.vtrace")
        faults = []
        for expected in (f"{args.files} converted, 0 reused", f"0 converted, {args.files} reused"):
            found, seconds, peak = prepare(args.voicelt, many, Path(place) / "many.vtrace")
            each = (peak - least) / (args.files - FEW)
            print(f"{found}: {seconds:.1f} s, {peak / 1e6:.0f} MB, {each:.0f} bytes a file")
            if found != expected:
                faults.append(f"{found}, not {expected}")
            if each > MOST:
                faults.append(f"{each:.0f} bytes a file, not {MOST}")
    sys.exit("\n".join(faults) if faults else 0)


if __name__ == "__main__":
    main()
