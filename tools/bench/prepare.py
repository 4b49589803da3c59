#!/usr/bin/env python3
"""How fast `voicelt prepare` converts, beside ffmpeg on the same machine in the same minute.

    tools/bench/prepare.py [--voicelt PATH] [--rounds N] [--seconds S] [--clips N]

Prints three Markdown tables:

1. One long file (44.1 kHz stereo to 16 kHz mono) per format, one thread each: `voicelt prepare`
   against ffmpeg with soxr at 28 bits, whose quality is comparable, and against its default.
2. The same files with as many threads as each program wants on this machine.
3. Many short MP3 clips: `voicelt prepare` on all cores against `xargs -P2` over ffmpeg.

The sides take turns (A B C, A B C, ...), so that a machine that is busy for a while slows all of
them; medians are compared. Needs ffmpeg with libsoxr, libvorbis and libmp3lame. Everything is made
in a temporary folder.
"""

import argparse
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from programs import built

FORMATS = {
    "WAV": ("wav", ["-c:a", "pcm_s16le"]),
    "FLAC": ("flac", ["-c:a", "flac"]),
    "MP3": ("mp3", ["-c:a", "libmp3lame", "-b:a", "128k"]),
    "Vorbis": ("ogg", ["-c:a", "libvorbis", "-q:a", "4"]),
    "AAC": ("m4a", ["-c:a", "aac", "-b:a", "128k"]),
}
SOXR = "aresample=resampler=soxr:precision=28"
# Syllables of a voice, a melody and some noise, different on the two channels: no format has an
# easy time with it.
SOUND = (
    "aevalsrc='"
    "0.3*max(0,sin(2*PI*3.3*t))*(sin(2*PI*(110+25*sin(1.7*t))*t)+0.5*sin(2*PI*(220+50*sin(1.7*t))*t)"
    "+0.3*sin(2*PI*2300*t))+0.05*sin(2*PI*(440+30*sin(t/3))*t)+0.02*random(0)"
    "|0.2*max(0,sin(2*PI*3.3*t+0.2))*(sin(2*PI*(110+25*sin(1.7*t))*t)+0.3*sin(2*PI*2300*t))"
    "+0.08*sin(2*PI*(660+20*sin(t/2))*t)+0.02*random(1)':s=44100"
)


def quiet(command, **options):
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: {done.stderr.decode(errors='replace').strip()}")


def ffmpeg(*arguments):
    return ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]


def seconds_of(command):
    start = time.perf_counter()
    quiet(command)
    return time.perf_counter() - start


def medians(rounds, sides, clean):
    """Runs the sides in turns and returns the median seconds of each. The first round warms up."""
    times = {side: [] for side in sides}
    for turn in range(rounds + 1):
        for side, command in sides.items():
            clean()
            taken = seconds_of(command)
            if turn > 0:
                times[side].append(taken)
    return {side: statistics.median(taken) for side, taken in times.items()}


def geometric_mean(ratios):
    return math.exp(statistics.fmean(map(math.log, ratios)))


def long_files(arguments, folder):
    source = folder / "long.wav"
    quiet(ffmpeg("-f", "lavfi", "-i", SOUND, "-t", arguments.seconds, "-c:a", "pcm_s16le", source))
    files = {}
    for name, (extension, options) in FORMATS.items():
        files[name] = folder / f"long.{extension}"
        if extension != "wav":
            quiet(ffmpeg("-i", source, *options, files[name]))
    for title, ours, theirs in (
        ("one thread", ["--jobs", "1"], ["-threads", "1"]),
        ("all cores", [], []),
    ):
        print(f"One file of {arguments.seconds} s, 44.1 kHz stereo, {title}. "
              f"Medians of {arguments.rounds} rounds.\n")
        compare(arguments, folder, files, ours, theirs)
        print()


def compare(arguments, folder, files, ours, theirs):
    bundle = folder / "long.vtrace"
    wav = folder / "out.wav"
    to_mono = ("-ac", "1", "-ar", "16000", wav)
    clean = lambda: (shutil.rmtree(bundle, ignore_errors=True), wav.unlink(missing_ok=True))
    print("| format | voicelt | ffmpeg soxr 28 | ratio | ffmpeg default | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    against_soxr, against_default = [], []
    for name, file in files.items():
        sides = {
            "voicelt": [arguments.voicelt, "prepare", str(file), "-o", str(bundle), *ours],
            "soxr": ffmpeg(*theirs, "-i", file, "-af", SOXR, *to_mono),
            "default": ffmpeg(*theirs, "-i", file, *to_mono),
        }
        taken = medians(arguments.rounds, sides, clean)
        against_soxr.append(taken["voicelt"] / taken["soxr"])
        against_default.append(taken["voicelt"] / taken["default"])
        print(f"| {name} | {taken['voicelt']:.3f} s | {taken['soxr']:.3f} s "
              f"| {against_soxr[-1]:.2f} | {taken['default']:.3f} s | {against_default[-1]:.2f} |")
    print(f"| geometric mean | | | **{geometric_mean(against_soxr):.2f}** | "
          f"| **{geometric_mean(against_default):.2f}** |")


def short_clips(arguments, folder):
    clips = folder / "clips"
    clips.mkdir()
    # Lengths from 1 to 4 s, cut from one long sound.
    source = folder / "long.wav"
    for number in range(arguments.clips):
        start = number * 0.37 % max(1, arguments.seconds - 5)
        quiet(ffmpeg("-ss", start, "-t", 1 + number % 7 / 2, "-i", source, "-ac", "1",
                     "-b:a", "64k", clips / f"{number:05}.mp3"))
    bundle = folder / "clips.vtrace"
    out = folder / "out"
    listing = folder / "clips.txt"
    listing.write_text("".join(f"{clip.stem}\n" for clip in sorted(clips.iterdir())))
    one = f"ffmpeg -nostdin -v error -y -i {clips}/{{}}.mp3 -ac 1 -ar 16000 {out}/{{}}.wav"
    sides = {
        "voicelt": [arguments.voicelt, "prepare", str(clips), "-o", str(bundle)],
        "xargs": ["sh", "-c", f"xargs -P2 -I{{}} {one} < {listing}"],
    }

    def clean():
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()

    taken = medians(arguments.rounds, sides, clean)
    print(f"{arguments.clips} MP3 clips of 1 to 4 s. Medians of {arguments.rounds} rounds.\n")
    print("| | seconds | clips a second |")
    print("| --- | ---: | ---: |")
    for side, name in (("voicelt", "voicelt prepare"), ("xargs", "xargs -P2 ffmpeg")):
        print(f"| {name} | {taken[side]:.2f} | {arguments.clips / taken[side]:.0f} |")
    print(f"| times faster | **{taken['xargs'] / taken['voicelt']:.1f}** | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--voicelt", help="the program to measure; built where none is given")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that are counted")
    parser.add_argument("--seconds", type=int, default=600, help="length of the long file")
    parser.add_argument("--clips", type=int, default=1000, help="number of short clips")
    arguments = parser.parse_args()
    if shutil.which("ffmpeg") is None:
        sys.exit("this benchmark needs ffmpeg")
    arguments.voicelt = arguments.voicelt or str(built("voicelt")[0])
    with tempfile.TemporaryDirectory(prefix="voicelt-bench-") as folder:
        long_files(arguments, Path(folder))
        short_clips(arguments, Path(folder))


if __name__ == "__main__":
    main()
