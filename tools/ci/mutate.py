"""Damages bundles, runs, journals of unfinished recordings, logs and audio, and has the program read each of them.
Whatever they hold, it must neither panic, nor be killed, nor go on for ever, nor take a gigabyte.

    mutate.py VOICELT [--count N] [--seed N] [--jobs N] [--keep FOLDER]

Inputs that fail are kept in the folder, each with the command line that read it. Which inputs are made follows from the
seed alone.
"""

import argparse
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

# How long a command may take, how much memory, and how much it may ask for before the system refuses.
SECONDS = 20
MEMORY_KB = 1024 * 1024
ADDRESSES_KB = 16 * 1024 * 1024
# What a panic of Rust prints, and a failed allocation.
PANIC = re.compile(rb"panicked at|memory allocation of|stack overflow|unreachable code")
# Ends of commands that are no failure of ours; 1 is what a recording that was recovered in part ends with.
EXPECTED = {0, 1, 2, 4, 99}


@dataclass
class Kind:
    """A folder of files that are damaged, and the commands that read it."""

    name: str
    original: Path
    commands: list[str]


def build(voicelt: str, place: Path) -> list[Kind]:
    """Makes the inputs, each read by its commands without fault."""

    def run(line: str) -> None:
        done = subprocess.run([voicelt, *line.split()], cwd=place, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{line}: {done.returncode}: {done.stdout}{done.stderr}")

    run("prepare --synth speech-like:1s --synth speech-like:2s --turns 2 --sessions 12 --arrivals constant:10/s"
        " -o bundle/in.vtrace")
    run("replay bundle/in.vtrace -t embedded --run-dir run/in --messages")
    shutil.copytree(place / "bundle/in.vtrace", place / "whole.vtrace")
    shutil.copytree(place / "run/in", place / "whole-run")
    journal(voicelt, place)
    logs(place / "log")
    audio(place)
    whole, base = place / "whole.vtrace", place / "whole-run"
    return [
        Kind("bundle", place / "bundle", [
            "trace check in.vtrace",
            "trace info in.vtrace",
            f"trace diff {whole} in.vtrace",
            "trace seal in.vtrace",
            "trace cut in.vtrace --window 0s..1s -o out.vtrace",
            f"trace merge {whole} in.vtrace -o out.vtrace",
            "trace shuffle in.vtrace -o out.vtrace",
            "trace export in.vtrace",
            "replay in.vtrace --plan -t embedded",
            "prepare --synth speech-like:1s -o in.vtrace",
        ]),
        Kind("run", place / "run", [
            "report in",
            "report in --json out.json",
            "report in --html out.html",
            "report in --csv out.csv",
            f"compare {base} in",
            "runs .",
        ]),
        Kind("journal", place / "journal", ["trace recover live.vtrace"]),
        Kind("log", place / "log", [
            f"import map.csv --map start=t,duration=d,duration-unit=s --audio {whole} -o out.vtrace",
            f"import cdr.csv --format cdr --zone Europe/Berlin --audio {whole} -o out.vtrace",
            f"import envoy.jsonl --format envoy --status 200 --audio {whole} -o out.vtrace",
            f"import array.json --map start=t,duration=d --audio {whole} -o out.vtrace",
            f"import sessions.parquet --map start=start_ns,unit=ns,session=session_id --audio {whole} -o out.vtrace",
        ]),
        Kind("audio", place / "audio", ["prepare . -o ../out.vtrace"]),
    ]


def journal(voicelt: str, place: Path) -> None:
    """What a recorder leaves that is killed while calls go on."""

    def serve(line: str) -> tuple[subprocess.Popen[str], str]:
        server = subprocess.Popen([voicelt, *line.split()], cwd=place, stderr=subprocess.PIPE, text=True)
        for said in server.stderr:
            if found := re.search(r"listening on ([0-9.:]+)", said):
                threading.Thread(target=server.stderr.read, daemon=True).start()
                return server, found[1]
        sys.exit(f"{line}: it does not listen")

    gateway, upstream = serve("gateway --listen 127.0.0.1:0")
    recorder, proxy = serve(f"record --listen 127.0.0.1:0 --upstream {upstream} -o journal/live.vtrace"
                            " --keep audio,text")
    try:
        subprocess.run([voicelt, "replay", "whole.vtrace", "-t", proxy, "--run-dir", "recorded"],
                       cwd=place, capture_output=True, check=False, timeout=120)
    finally:
        recorder.kill()
        gateway.kill()
        recorder.wait()
        gateway.wait()
    if not (place / "journal/live.vtrace/journal.arrows").exists():
        sys.exit("the recorder left no journal")


def logs(folder: Path) -> None:
    folder.mkdir()
    rows = range(200)
    at = [f"2025-10-26 {n // 60:02}:{n % 60:02}:07" for n in rows]
    csv = [f'{1700000000 + n},{n % 9},"a ""quoted"", text",5" pipe' for n in rows]
    (folder / "map.csv").write_text("t,d,what,more\n" + "\n".join(csv) + "\n")
    cdr = [f'"","1","2","c","""A, B"" <{n}>","x","y","Dial","z","{day}","{day}","{day}",9,9,"ANSWERED","D","{n}.1",""'
           for n, day in zip(rows, at)]
    (folder / "cdr.csv").write_text("\n".join(cdr) + "\n")
    envoy = [f'{{"start_time":"2026-03-02T08:15:{n % 60:02}.000Z","duration":{n}.0,"path":"/a","response_code":200.0}}'
             for n in rows]
    (folder / "envoy.jsonl").write_text("\n".join(envoy) + "\n")
    array = [f'  {{"t":"2026-01-01T00:00:{n % 60:02}Z",\n   "d":"{n}ms"}}' for n in rows]
    (folder / "array.json").write_text("[\n" + ",\n".join(array) + "\n]\n")
    shutil.copy(folder.parent / "whole.vtrace/sessions.parquet", folder)


def audio(place: Path) -> None:
    """A clip of the bundle in the formats that can be made here, each in a folder of its own."""
    folder = place / "audio"
    folder.mkdir()
    clip = next((place / "whole.vtrace/clips").glob("*/*.wav"))
    with wave.open(str(clip)) as samples:
        pcm = samples.readframes(samples.getnframes())
        rate = samples.getframerate()
    (folder / "a.wav").write_bytes(clip.read_bytes())
    (folder / "a.sln16").write_bytes(pcm)
    (folder / "a.au").write_bytes(b".snd" + b"".join(n.to_bytes(4, "big") for n in (24, len(pcm), 3, rate, 1)) + pcm)
    if shutil.which("ffmpeg"):
        for name in ("a.flac", "a.mp3", "a.ogg", "a.opus", "a.m4a", "a.mka", "a.aiff", "a.caf", "a.webm", "a.aac"):
            make = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(clip), str(folder / name)]
            subprocess.run(make, check=False, capture_output=True)


def damaged(data: bytes, dice: random.Random) -> bytes:
    """A copy with flipped bits, cut, repeated, overwritten, or with two of its fields swapped."""
    if not data:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(64)))
    copy = bytearray(data)
    # Most of what decides is near the beginning or, in Parquet, near the end.
    near = [lambda: dice.randrange(len(copy)), lambda: dice.randrange(min(512, len(copy))),
            lambda: len(copy) - 1 - dice.randrange(min(2048, len(copy)))]
    place = dice.choice(near)
    length = dice.choice([1, 4, 8, 64, 4096])
    match dice.randrange(9):
        case 0 | 1:
            for _ in range(dice.randint(1, 8)):
                copy[place()] ^= 1 << dice.randrange(8)
        case 2:
            for _ in range(dice.randint(1, 200)):
                copy[dice.randrange(len(copy))] ^= 1 << dice.randrange(8)
        case 3:
            at = place()
            copy[at:at + length] = bytes([dice.choice([0, 0xff, 0x7f, 0x80])]) * min(length, len(copy) - at)
        case 4:
            del copy[dice.randrange(len(copy)):]
        case 5:
            at = place()
            del copy[at:at + length]
        case 6:
            at = place()
            copy[at:at] = copy[at:at + length] * dice.choice([1, 2, 100])
        case 7:
            one, other = sorted((place(), dice.randrange(len(copy))))
            length = min(length, other - one, len(copy) - other)
            copy[one:one + length], copy[other:other + length] = copy[other:other + length], copy[one:one + length]
        case _:
            return fields(bytes(copy), dice)
    return bytes(copy)


def fields(data: bytes, dice: random.Random) -> bytes:
    """A text with two of its fields swapped, or one that is something else."""
    parts = re.split(rb"([,;:\n{}\[\]]+)", data)
    texts = range(0, len(parts), 2)
    one, other = dice.choice(texts), dice.choice(texts)
    strange = [b"", b"-1", b"1e999", b"nan", b"null", b"9223372036854775807", b"0.1", b'"', b"{}", b"\xff\xfe", b"a" * 70_000]
    if dice.random() < 0.5:
        parts[one], parts[other] = parts[other], parts[one]
    else:
        parts[one] = dice.choice(strange)
    return b"".join(parts)


def mutate(folder: Path, dice: random.Random, name: str) -> str:
    """Damages one of the files in a folder; returns what was done."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if name:
        files = [path for path in files if path.name == name]
    file = dice.choice(files)
    others = [path for path in files if path != file and path.suffix == file.suffix]
    what = dice.randrange(40)
    if what == 0:
        file.unlink()
        return f"{file.name} is gone"
    if what == 1 and others:
        other = dice.choice(others)
        data, mine = other.read_bytes(), file.read_bytes()
        file.write_bytes(data)
        other.write_bytes(mine)
        return f"{file.name} and {other.name} are swapped"
    file.write_bytes(damaged(file.read_bytes(), dice))
    return f"{file.name} is damaged"


def read(voicelt: str, line: str, place: Path, said: Path) -> tuple[str, str]:
    """Runs a command; returns how it ended, and what is wrong with that."""
    command = ["sh", "-c", f'ulimit -v {ADDRESSES_KB}; exec "$0" "$@"', voicelt, *line.split()]
    with said.open("wb") as out:
        began = time.monotonic()
        child = subprocess.Popen(command, cwd=place, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        timer = threading.Timer(SECONDS, child.kill)
        timer.start()
        _, status, usage = os.wait4(child.pid, 0)
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        took = time.monotonic() - began
    code = child.returncode
    ended = f"exit {code}" if code >= 0 else signal.Signals(-code).name
    if took >= SECONDS:
        return ended, f"it went on for {SECONDS} s"
    if PANIC.search(said.read_bytes()):
        return ended, "it panicked"
    if code not in EXPECTED:
        return ended, "that is no way to end"
    if usage.ru_maxrss > MEMORY_KB:
        return ended, f"it took {usage.ru_maxrss // 1024} MiB"
    return ended, ""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("voicelt")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("mutations"))
    args = parser.parse_args()
    voicelt = str(Path(args.voicelt).resolve())
    ends: collections.Counter[tuple[str, str]] = collections.Counter()
    faults: list[str] = []
    lock = threading.Lock()

    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        kinds = build(voicelt, place)
        for kind in kinds:
            for line in kind.commands:
                desk = place / "desk"
                shutil.copytree(kind.original, desk)
                ended, fault = read(voicelt, line, desk, place / "said")
                if ended != "exit 0" or fault:
                    sys.exit(f"{line}, undamaged: {ended}: {(place / 'said').read_text()}")
                shutil.rmtree(desk)

        def one(number: int) -> None:
            dice = random.Random(args.seed << 32 | number)
            # Each kind has its share, whatever the number of its commands.
            kind = kinds[number % len(kinds)]
            line = dice.choice(kind.commands)
            desk = place / f"desk-{number}"
            shutil.copytree(kind.original, desk)
            # Of logs and audio, the file that is read.
            name = line.split()[1] if kind.name == "log" else ""
            if kind.name == "audio":
                kept = dice.choice(sorted(desk.iterdir()))
                for path in desk.iterdir():
                    if path != kept:
                        path.unlink()
                line = f"prepare . -o ../out-{number}.vtrace"
            done = mutate(desk, dice, name)
            before = place / f"before-{number}"
            shutil.copytree(desk, before)
            said = place / f"said-{number}"
            ended, fault = read(voicelt, line, desk, said)
            with lock:
                ends[kind.name, ended] += 1
                if fault:
                    faults.append(f"{number} ({kind.name}; {done}): {line}: {ended}: {fault}")
                    kept = args.keep / str(number)
                    shutil.copytree(before, kept, dirs_exist_ok=True)
                    (kept / "command.txt").write_bytes(f"{faults[-1]}\n".encode() + said.read_bytes())
            for path in (desk, before, place / f"out-{number}.vtrace"):
                shutil.rmtree(path, ignore_errors=True)
            said.unlink()

        began = time.monotonic()
        with ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(one, range(args.count)))
        took = time.monotonic() - began

    for (kind, ended), count in sorted(ends.items()):
        print(f"{kind:8} {ended:8} {count:6}")
    print(f"{args.count} damaged inputs in {took:.0f} s, {len(faults)} at fault")
    if faults:
        print("\n".join(faults[:50]), f"\nkept in {args.keep}")
        sys.exit(1)


if __name__ == "__main__":
    main()
