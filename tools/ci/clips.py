#!/usr/bin/env python3
"""Prepares folders of audio and compares every clip with what ffmpeg decodes of its file.

    tools/ci/clips.py VOICELT FOLDER...             the files in these folders
    tools/ci/clips.py VOICELT --make FOLDER         files of many encoders, rates and channels, made there

Clips are made without dither; ffmpeg's samples are mixed to mono and brought to 16 kHz by soxr. Compared are the
length, the place (by the phase of the cross-spectrum, to a fraction of a sample), and, below what the filters of both
leave alone, what is left when one is taken from the other. An MP3 that differs is compared with lame's decode as well:
ffmpeg takes some frames otherwise than all others do. Prints what differs and how many files of which codec are equal,
and fails if any differs, or was skipped although ffmpeg decodes it. Needs numpy, polars, ffmpeg and ffprobe; encoders
that are not installed are left out.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

RATE = 16_000
# How many samples of 16 kHz a clip may be longer or shorter: a sample of the source at the lowest rates.
LENGTH = 3
# How far a clip may be away from its place, in samples of 16 kHz.
PLACE = 0.05
# What may be left of the sum of squares, in dB: lossless codecs leave the rounding to 16 bits, and decoders of lossy
# codecs the rounding of their own.
SNR = 45.0
# What rounding to 16 bits may leave of the quietest audio, as a root mean square.
ROUNDING = 0.5 / 32_768
# Quieter audio is compared by length only.
QUIET = 1e-4
# Files of the tool's own that must come to be, so that it is noticed when encoders are missing.
LEAST_MADE = 150

# Name, extension, and what ffmpeg is told.
FFMPEG = [
    ("aac", "m4a", "-c:a aac -b:a 96k"),
    ("aac", "aac", "-c:a aac -b:a 96k"),
    ("aac", "mkv", "-c:a aac -b:a 96k"),
    ("mp3", "mp3", "-c:a libmp3lame -q:a 4"),
    ("vorbis", "ogg", "-c:a libvorbis -q:a 4"),
    ("vorbis", "webm", "-c:a libvorbis -q:a 4"),
    ("opus", "opus", "-c:a libopus -b:a 64k"),
    ("opus", "webm", "-c:a libopus -b:a 64k"),
    ("flac", "flac", "-c:a flac"),
    ("flac", "ogg", "-c:a flac"),
    ("alac", "m4a", "-c:a alac"),
    ("alac", "caf", "-c:a alac"),
    ("pcm16", "wav", "-c:a pcm_s16le"),
    ("pcm16", "aiff", "-c:a pcm_s16be"),
    ("pcm16", "caf", "-c:a pcm_s16le"),
    ("pcm24", "wav", "-c:a pcm_s24le"),
    ("pcm32", "wav", "-c:a pcm_s32le"),
    ("float", "wav", "-c:a pcm_f32le"),
    ("mulaw", "wav", "-c:a pcm_mulaw"),
    ("alaw", "au", "-c:a pcm_alaw"),
    ("adpcm-ima", "wav", "-c:a adpcm_ima_wav"),
    ("adpcm-ms", "wav", "-c:a adpcm_ms"),
    ("wavpack", "wv", "-c:a wavpack"),
    ("mp2", "mp2", "-c:a mp2"),
    ("ac3", "ac3", "-c:a ac3"),
    ("wma", "wma", "-c:a wmav2"),
]
# Name, extension, and the command of another encoder; IN is a WAV file.
OTHERS = [
    ("lame-cbr", "mp3", "lame --quiet -b 64 IN OUT"),
    ("lame-vbr", "mp3", "lame --quiet -V 5 IN OUT"),
    ("oggenc", "ogg", "oggenc --quiet -q 3 -o OUT IN"),
    ("opusenc", "opus", "opusenc --quiet --bitrate 48 IN OUT"),
    ("flac-tool", "flac", "flac --silent -8 -o OUT IN"),
    ("wavpack-tool", "wv", "wavpack -q IN -o OUT"),
    ("sox-sphere", "sph", "sox IN OUT"),
    ("sox-au", "au", "sox IN OUT"),
    ("sox-w64", "w64", "sox IN OUT"),
    ("sox-voc", "voc", "sox IN -e unsigned-integer -b 8 OUT"),
    ("sox-aifc", "aifc", "sox IN OUT"),
]
RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000)
SECONDS = 3.217


@dataclass
class Verdict:
    """What became of one file."""

    codec: str
    fault: str | None


def run(*command: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(list(map(str, command)), capture_output=True, stdin=subprocess.DEVNULL)


def make(folder: Path) -> int:
    """Writes files of all encoders into a folder; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    for rate in RATES:
        for channels in (1, 2):
            with tempfile.TemporaryDirectory() as place:
                master = Path(place) / "master.wav"
                write_master(master, rate, channels)
                for name, extension, flags in FFMPEG:
                    out = folder / f"{name}-{rate}-{channels}.{extension}"
                    made = run("ffmpeg", "-v", "error", "-y", "-i", master, *flags.split(), out)
                    keep_or_remove(out, made.returncode)
                for name, extension, command in OTHERS:
                    program, *words = command.split()
                    if shutil.which(program) is None:
                        continue
                    out = folder / f"{name}-{rate}-{channels}.{extension}"
                    places = {"IN": str(master), "OUT": str(out)}
                    made = run(program, *(places.get(word, word) for word in words))
                    keep_or_remove(out, made.returncode)
    return sum(1 for _ in folder.iterdir())


def keep_or_remove(out: Path, code: int) -> None:
    """Not every encoder takes every rate."""
    if code != 0:
        out.unlink(missing_ok=True)


def write_master(path: Path, rate: int, channels: int) -> None:
    """Noise whose spectrum falls as that of speech does, a burst and a pause in turn; its channels differ."""
    rng = np.random.default_rng(rate * channels)
    count = int(SECONDS * rate)
    white = rng.standard_normal((channels, count))
    spectrum = np.fft.rfft(white)
    hz = np.fft.rfftfreq(count, 1 / rate)
    noise = np.fft.irfft(spectrum / np.maximum(hz, 100) * 100, count)
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * np.arange(count) / rate)
    audio = noise * loudness
    audio *= 0.5 / np.abs(audio).max()
    raw = (audio.T * 32_767).round().astype("<i2").tobytes()
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(rate), "-ac", str(channels)]
        + ["-i", "-", str(path)],
        input=raw,
    )
    if done.returncode != 0:
        sys.exit("clips.py: ffmpeg writes no WAV file")


def reference(path: Path, codec: str) -> np.ndarray | None:
    """What ffmpeg decodes, mixed and at 16 kHz; None where it decodes nothing."""
    probed = run(
        *("ffprobe", "-v", "error", "-select_streams", "a:0", "-of", "json"),
        *("-show_entries", "stream=channels,sample_rate", path),
    )
    streams = json.loads(probed.stdout or b"{}").get("streams") or [{}]
    channels = streams[0].get("channels", 0)
    if not channels:
        return None
    share = "+".join(f"{1 / channels:.9f}*c{channel}" for channel in range(channels))
    # The mean of two channels; more are mixed by weights that are another test's.
    mix = f"pan=mono|c0={share}," if channels > 1 else ""
    # Its own decoder of Opus delays the lower band by a part of a sample.
    decoder = ("-c:a", "libopus") if codec == "opus" else ()
    decoded = run(
        *("ffmpeg", "-v", "error", *decoder, "-i", path, "-map", "0:a:0"),
        *("-af", f"aformat=sample_fmts=fltp,{mix}aresample={RATE}:resampler=soxr:precision=28"),
        *("-f", "f32le", "-"),
    )
    samples = np.frombuffer(decoded.stdout[: len(decoded.stdout) // 4 * 4], "<f4").astype(float)
    return samples if len(samples) else None


def clip_samples(path: Path) -> np.ndarray:
    """The samples of a clip: PCM16 behind a header of 44 bytes."""
    return np.frombuffer(path.read_bytes()[44:], "<i2") / 32_768


def compare(ours: np.ndarray, theirs: np.ndarray, highest_hz: float) -> str | None:
    """What differs, or None."""
    if abs(len(ours) - len(theirs)) > LENGTH:
        return f"{len(ours)} samples, not {len(theirs)}"
    count = min(len(ours), len(theirs))
    ours, theirs = ours[:count], theirs[:count]
    if np.sqrt(np.mean(theirs**2)) < QUIET:
        return None
    # The clip's own edges are where filters differ: they are faded out.
    fade = np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / 400)
    size = 2 * count
    a, b = np.fft.rfft(ours * fade, size), np.fft.rfft(theirs * fade, size)
    hz = np.fft.rfftfreq(size, 1 / RATE)
    inside = (hz > 50) & (hz < highest_hz)
    cross = np.where(inside, a * np.conj(b), 0)
    around = np.fft.irfft(cross, size)
    whole = int(np.argmax(around))
    whole -= size if whole > count else 0
    # What is left of a sample is the slope of the phase, each frequency with its weight.
    phase = np.angle(cross[inside] * np.exp(2j * np.pi * hz[inside] / RATE * whole))
    weight = np.abs(cross[inside])
    omega = 2 * np.pi * hz[inside] / RATE
    part = -np.sum(weight * omega * phase) / np.sum(weight * omega**2)
    if abs(whole + part) > PLACE:
        return f"{whole + part:+.2f} samples away from its place"
    rest, wanted = (np.fft.irfft(np.where(inside, x, 0), size)[:count] for x in (a - b, b))
    if np.sqrt(np.mean(rest**2)) < ROUNDING:
        return None
    snr = 10 * np.log10(np.sum(wanted**2) / np.sum(rest**2))
    return f"SNR of {snr:.1f} dB" if snr < SNR else None


def judge(row: dict[str, Any], source: Path, bundle: Path) -> Verdict:
    theirs = reference(source, row["codec"])
    codec = row["codec"] or source.suffix
    if row["clip"] is None:
        known = theirs is not None and len(theirs) > RATE // 50
        fault = (
            f"skipped ({row['skipped']}), but ffmpeg decodes {len(theirs) / RATE:.2f} s"
            if known
            else None
        )
        return Verdict(codec, fault)
    if theirs is None:
        return Verdict(codec, None)
    if row["channels"] > 2:
        return Verdict(codec, None)
    ours, highest_hz = clip_samples(bundle / row["file"]), 0.9 * min(RATE, row["rate_hz"]) / 2
    fault = compare(ours, theirs, highest_hz)
    if fault and codec == "mp3" and shutil.which("lame"):
        with tempfile.TemporaryDirectory() as place:
            decoded = Path(place) / "decoded.wav"
            run("lame", "--quiet", "--decode", source, decoded)
            other = reference(decoded, "wav")
        if other is not None and compare(ours, other, highest_hz) is None:
            fault = None
    return Verdict(codec, fault)


def check(voicelt: str, folder: Path) -> tuple[Counter[str], list[str]]:
    """How many files of each codec are equal, and what is wrong with the others."""
    with tempfile.TemporaryDirectory() as place:
        bundle = Path(place) / "clips.vtrace"
        done = run(voicelt, "prepare", folder, "-o", bundle, "--no-dither", "--channel", "mix")
        if done.returncode != 0:
            return Counter(), [f"{folder}: {done.stderr.decode(errors='replace')}"]
        clips = pl.read_parquet(bundle / "clips.parquet").select("clip", "file")
        sources = pl.read_parquet(bundle / "sources.parquet")
        rows = sources.join(clips, on="clip", how="left", maintain_order="left").to_dicts()
        with ThreadPoolExecutor() as pool:
            verdicts = list(pool.map(lambda row: judge(row, folder / row["path"], bundle), rows))
    equal: Counter[str] = Counter()
    faults = []
    for row, verdict in zip(rows, verdicts, strict=True):
        if verdict.fault is None:
            equal[verdict.codec] += 1
        else:
            faults.append(f"{folder / row['path']} ({verdict.codec}): {verdict.fault}")
    return equal, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voicelt")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--make", action="store_true", help="make files in the folder first")
    args = parser.parse_args()
    faults = []
    for folder in args.folders:
        if args.make and (made := make(folder)) < LEAST_MADE:
            sys.exit(f"clips.py: only {made} files could be made")
        equal, wrong = check(args.voicelt, folder)
        faults += wrong
        codecs = ", ".join(f"{count} {codec}" for codec, count in equal.most_common())
        print(
            f"{folder}: {sum(equal.values())} as ffmpeg decodes them ({codecs}); {len(wrong)} not"
        )
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
