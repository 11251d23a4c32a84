#!/usr/bin/env python3
"""Strings of spoken digits for `cairn train speech-recognition`: recordings of FSDD joined with pauses, and noise over all.

digit_strings.py RECORDINGS OUT [--train 3000] [--validation 200] [--test 500] [--seed 1]

RECORDINGS: FSDD's unpacked folder (DIGIT_SPEAKER_INDEX.wav). Test strings are made of its official test recordings alone (indices 0 to 4),
3 to 7 of one speaker; strings to validate by of indices 45 to 49, those to learn from (1 to 7 digits) of 5 to 44. Pauses are 50 to 400 ms,
white noise lies 20 to 40 dB below the voice, loudness varies by 6 dB. The same seed makes the same files, of each part for itself.
Writes OUT/list.tsv (audio, text, split) and a WAV a string. Needs numpy.
"""
import argparse
import pathlib
import wave

import numpy

RATE = 8000


def recordings(folder):
    """{speaker: {index: {digit: samples}}}"""
    found = {}
    for file in sorted(folder.glob("*_*_*.wav")):
        digit, speaker, index = file.stem.split("_")
        with wave.open(str(file)) as sound:
            assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2), file
            samples = numpy.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(numpy.float32) / 32768
        found.setdefault(speaker, {}).setdefault(int(index), {})[digit] = samples
    return found


def joined(by_index, indices, least, rng):
    pause = lambda: numpy.zeros(rng.integers(RATE // 20, RATE * 2 // 5), numpy.float32)
    digits, parts = [], [pause()]
    for _ in range(rng.integers(least, 8)):
        digit = str(rng.integers(10))
        digits.append(digit)
        parts += [by_index[rng.choice(indices)][digit], pause()]
    sound = numpy.concatenate(parts)
    voice = numpy.sqrt(numpy.mean(numpy.concatenate(parts[1::2]) ** 2))
    noise = rng.standard_normal(len(sound)).astype(numpy.float32) * voice * 10 ** (-rng.uniform(20, 40) / 20)
    sound = (sound + noise) * 10 ** (rng.uniform(-3, 3) / 20)
    return " ".join(digits), numpy.clip(numpy.rint(sound * 32767), -32768, 32767).astype("<i2")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("recordings", type=pathlib.Path)
    options.add_argument("out", type=pathlib.Path)
    for part, count in (("train", 3000), ("validation", 200), ("test", 500)):
        options.add_argument("--" + part, type=int, default=count)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    speakers = recordings(given.recordings)
    if not speakers:
        options.error(f"{given.recordings}: no DIGIT_SPEAKER_INDEX.wav in it")
    given.out.mkdir(parents=True, exist_ok=True)
    lines = ["audio\ttext\tsplit"]
    for number, (part, indices, least) in enumerate((("train", range(5, 45), 1), ("validation", range(45, 50), 3), ("test", range(5), 3))):
        rng = numpy.random.default_rng([given.seed, number])
        for i in range(getattr(given, part)):
            text, samples = joined(speakers[sorted(speakers)[rng.integers(len(speakers))]], list(indices), least, rng)
            name = f"{part}-{i:05}.wav"
            with wave.open(str(given.out / name), "wb") as file:
                file.setparams((1, 2, RATE, len(samples), "NONE", ""))
                file.writeframes(samples.tobytes())
            lines.append(f"{name}\t{text}\t{part}")
    (given.out / "list.tsv").write_text("\n".join(lines) + "\n")
    print(f"{given.out}/list.tsv: {given.train} + {given.validation} + {given.test} strings")


main()
