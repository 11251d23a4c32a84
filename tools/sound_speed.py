#!/usr/bin/env python3
"""An hour of 16 kHz sound: its 80 log-mels beside torchaudio and librosa, and how long a run takes to write down what it hears.

sound_speed.py features BENCH_AUDIO [--minutes 60] [--rounds 2]    (BUILD/bench_audio; needs torchaudio and librosa)
sound_speed.py recognise CAIRN RUN [--minutes 60] [--threads 2]    (needs numpy)

features: one thread each, by turns, of the same samples in memory: windows of 400 every 160 samples, FFTs of 512 points, 80 mels. Cairn's
values must be torchaudio's and librosa's within 2e-3 first. Prints seconds (the median of the rounds and the fastest) and how many times
quicker Cairn is than the quicker of the two.
recognise: `cairn predict RUN --beams 1` hears a WAV of so many minutes, noise in bursts, and one of a tenth of that. Prints seconds, the
real-time factor, and the highest resident memory of both, which does not grow with the sound where that is bounded.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import wave

if sys.argv[1:2] == ["features"]:  # before numpy and its product of matrices are there
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
import numpy

RATE, BINS, WINDOW, HOP, FFT = 16000, 80, 400, 160, 512


def sound(minutes):
    """Bursts of noise of two seconds, a pause of a second between."""
    x = numpy.random.default_rng(1).standard_normal(int(minutes * 60 * RATE), dtype=numpy.float32) * 0.05
    return x * (numpy.arange(len(x)) % (3 * RATE) < 2 * RATE)


def libraries():
    import librosa
    import torch
    import torchaudio
    torch.set_num_threads(1)
    mel = torchaudio.transforms.MelSpectrogram(RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=BINS)

    def of_torchaudio(x):
        with torch.inference_mode():
            return torch.log(mel(torch.from_numpy(x)) + 1e-6).numpy().T

    def of_librosa(x):
        return numpy.log(librosa.feature.melspectrogram(y=x, sr=RATE, n_fft=FFT, win_length=WINDOW, hop_length=HOP, n_mels=BINS, htk=True,
                                                         norm=None, pad_mode="reflect") + 1e-6).T
    return {f"torchaudio {torchaudio.__version__}": of_torchaudio, f"librosa {librosa.__version__}": of_librosa}


def timed(run, x):
    begin = time.perf_counter()
    run(x)
    return time.perf_counter() - begin


def features(given):
    others = libraries()
    with tempfile.TemporaryDirectory() as folder:
        file, out = pathlib.Path(folder, "x.f32"), pathlib.Path(folder, "y.f32")

        def cairn(x):
            return float(subprocess.run([given.program, file], check=True, capture_output=True, text=True).stdout)

        short = sound(0.5)
        short.tofile(file)
        subprocess.run([given.program, file, out], check=True, capture_output=True)
        ours = numpy.fromfile(out, numpy.float32).reshape(-1, BINS)
        for name, run in others.items():
            numpy.testing.assert_allclose(ours, run(short), atol=2e-3, rtol=0, err_msg=name)
        x = sound(given.minutes)
        x.tofile(file)
        seconds = {name: [] for name in ["Cairn", *others]}
        for _ in range(given.rounds):
            seconds["Cairn"].append(cairn(x))
            for name, run in others.items():
                seconds[name].append(timed(run, x))
    for name, all_ in seconds.items():
        print(f"{name}: {given.minutes} minutes in {statistics.median(all_):.2f} ({min(all_):.2f}) s")
    for of in (statistics.median, min):
        print(f"{min(of(seconds[name]) for name in others) / of(seconds['Cairn']):.2f} times by the {of.__name__}")


def recognise(given):
    rows = []
    for minutes in (max(1, given.minutes // 10), given.minutes):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "long.wav")
            with wave.open(file, "wb") as out:
                out.setparams((1, 2, RATE, 0, "NONE", ""))
                minute = (sound(1) * 32767).clip(-32768, 32767).astype("<i2").tobytes()
                for _ in range(minutes):  # at once it would count for the child, whose peak begins with its parent's
                    out.writeframes(minute)
            begin = time.perf_counter()
            child = subprocess.Popen([given.program, "predict", given.run, file, "--json", "--stream", "--beams", "1", "--threads", str(given.threads)],
                                     stdout=subprocess.PIPE, text=True)
            pieces = sum(1 for _ in child.stdout)
            _, status, usage = os.wait4(child.pid, 0)
            rows.append((minutes, time.perf_counter() - begin, usage.ru_maxrss / 1024, pieces))
            if status != 0:
                sys.exit(f"{given.program} ended with {status}")
    for minutes, seconds, memory, pieces in rows:
        print(f"{minutes} minutes, {pieces} pieces: {seconds:.2f} s, real-time factor {seconds / (minutes * 60):.5f}, peak {memory:.1f} MB")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=("features", "recognise"))
    options.add_argument("program")
    options.add_argument("run", nargs="?")
    options.add_argument("--minutes", type=int, default=60)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    if given.what == "recognise" and not given.run:
        options.error("name a run of speech-recognition")
    {"features": features, "recognise": recognise}[given.what](given)


main()
