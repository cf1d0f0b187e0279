#!/usr/bin/env python3
"""Makes tests/golden/sound: small files of sound with what `transformers` reads in them (soundfile and soxr), and log-mel
spectrograms of sound that is made and not stored (tools/counted_values.py).

    make_sound_golden.py [--out DIR]

Needs transformers, torch, soundfile and soxr.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
import transformers
from transformers.audio_utils import load_audio

import counted_values

ROOT = Path(__file__).resolve().parent.parent
SEED = 1
RATE = 16000

# name: subtype, channels, samples a second, samples
FILES = {
    "stereo.wav": ("PCM_16", 2, 44100, 2205),
    "six.wav": ("PCM_24", 6, 48000, 480),
    "nine.wav": ("FLOAT", 9, 8000, 160),
    "bytes.wav": ("PCM_U8", 1, 11025, 1000),
    "law.wav": ("ALAW", 1, 8000, 800),
    "same.wav": ("PCM_16", 1, 16000, 500),
    "two.flac": ("PCM_16", 2, 22050, 1500),
    "unknown.flac": ("PCM_16", 1, 32000, 1000),
    "vorbis.ogg": ("VORBIS", 1, 22050, 8000),
    "opus.ogg": ("OPUS", 1, 48000, 9600),
    "layer3.mp3": ("MPEG_LAYER_III", 1, 44100, 11025),
}
EXACT = (".wav", ".flac")

# A spectrogram: the signal, samples, silent ones behind (None: as far as the window goes), bands, one frame in `every`.
SPECTROGRAMS = (
    ("noise", 485000, None, 80, 61),
    ("steps", 160000, None, 80, 37),
    ("steps", 160000, None, 128, 37),
    ("square", 16000, None, 128, 61),
    ("noise", 201, 0, 80, 1),
    ("square", 1000, 0, 80, 1),
    ("steps", 16001, 0, 128, 3),
    ("steps", 100159, 480000, 80, 61),
    ("noise", 0, None, 80, 293),
    ("noise", 1, None, 80, 61),
)


def signal(name: str, count: int) -> np.ndarray:
    """Products are with powers of two, so that they are exact."""
    noise = counted_values.values(SEED, name, (max(count, 1),), 0.0, 0.5)[:count]
    at = np.arange(count)
    if name == "steps":  # half as loud every 8000 samples, eight times
        return np.ldexp(noise, -(at // 8000 % 8)).astype(np.float32)
    if name == "square":  # a tone of 500 Hz above quiet noise
        return (np.where(at // 16 % 2 == 0, 0.5, -0.5) + np.ldexp(noise, -9)).astype(np.float32)
    return noise


def write_files(out: Path) -> list[dict]:
    cases = []
    for name, (subtype, channels, rate, count) in FILES.items():
        values = counted_values.values(SEED, name, (count, channels), 0.0, 0.5)
        if subtype == "FLOAT":  # sums that need to be rounded
            values = values * np.float32(0.7713)
        if not name.endswith(EXACT):  # smoother, as their coders expect
            values = np.stack([np.convolve(v, np.ones(16, np.float32) / 8, "same") for v in values.T], 1)
        path = out / name
        soundfile.write(path, values, rate, subtype=subtype)
        if name == "unknown.flac":  # what a coder writes that can't go back: as long as unknown, without a digest
            data = bytearray(path.read_bytes())
            data[21] &= 0xF0
            data[22:42] = bytes(20)
            whole = load_audio(str(path), sampling_rate=RATE, backend="soundfile")
            path.write_bytes(data)
        else:
            whole = load_audio(str(path), sampling_rate=RATE, backend="soundfile")
        np.save(out / f"{name}.npy", whole)
        cases.append({"file": name, "exact": name.endswith(EXACT), "samples": len(whole)})
    return cases


def write_spectrograms(out: Path) -> list[dict]:
    cases = []
    for number, (name, count, padding, bins, every) in enumerate(SPECTROGRAMS):
        extractor = transformers.WhisperFeatureExtractor(feature_size=bins)
        sound = signal(name, count)
        if padding is None:
            features = extractor(sound, sampling_rate=RATE, return_tensors="np").input_features[0]
        else:
            sound = np.concatenate([sound, np.zeros(padding, np.float32)])
            features = extractor(sound, sampling_rate=RATE, return_tensors="np", truncation=False, padding="longest").input_features[0]
        file = f"spectrogram_{number}.npy"
        np.save(out / file, np.ascontiguousarray(features.T[::every]).astype(np.float32))
        cases.append({"file": file, "signal": name, "samples": count, "padding": padding, "bins": bins, "every": every,
                      "frames": features.shape[1]})
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden" / "sound")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    record = {
        "made_with": {"transformers": transformers.__version__, "torch": torch.__version__.split("+")[0],
                      "soundfile": soundfile.__version__, "libsndfile": soundfile.__libsndfile_version__,
                      "soxr": soxr.__version__, "libsoxr": soxr.__libsoxr_version__, "numpy": np.__version__},
        "seed": SEED, "rate": RATE, "files": write_files(out), "spectrograms": write_spectrograms(out)}
    (out / "sound.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
