#!/usr/bin/env python3
"""Writes tests/audio/references.safetensors: a short sound, its features and other rates by the libraries whose values
cairn/audio promises to equal. Versions are pinned; another one is an error.

dump_audio.py OUT.safetensors (needs librosa 0.11.0, torchaudio 2.11.1 with torch 2.15, kaldi-native-fbank 1.23.0, soxr)
"""
import sys
from importlib.metadata import version

import kaldi_native_fbank
import librosa
import numpy as np
import torch
import torchaudio
from safetensors.numpy import save_file

PINNED = {"librosa": "0.11.0", "torchaudio": "2.11.1", "kaldi-native-fbank": "1.23.0"}


def sound(rate, count):
    """A chirp, a tone and noise, half of it quiet."""
    t = np.arange(count) / rate
    x = 0.4 * np.sin(2 * np.pi * (200 * t + 1500 * t * t)) + 0.2 * np.sin(2 * np.pi * 3100 * t)
    x += 0.01 * np.random.default_rng(1).standard_normal(count)
    return (x * np.where(t < t[-1] / 2, 1, 0.01)).astype(np.float32)


def kaldi(x, rate, options, make):
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0
    computer = make(options)
    computer.accept_waveform(rate, (x * 32768).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(i) for i in range(computer.num_frames_ready)])


def main():
    for name, wanted in PINNED.items():
        if version(name).split("+")[0] != wanted:
            sys.exit(f"{name} is {version(name)}; the references are of {wanted}")
    rate = 16000
    x = sound(rate, 7003)
    t = torch.from_numpy(x)
    transforms = torchaudio.transforms
    to_db = transforms.AmplitudeToDB("power", 80)
    fbank = kaldi_native_fbank.FbankOptions()
    mfcc = kaldi_native_fbank.MfccOptions()
    plain = transforms.MelSpectrogram(rate, n_fft=512, win_length=400, hop_length=160, n_mels=80)
    out = {
        "sound": x,
        "librosa-mel": librosa.power_to_db(librosa.feature.melspectrogram(y=x, sr=rate)).T,
        "librosa-mfcc": librosa.feature.mfcc(y=x, sr=rate).T,
        "torchaudio-mel": to_db(transforms.MelSpectrogram(rate)(t)).numpy().T,
        "torchaudio-mfcc": transforms.MFCC(rate)(t).numpy().T,
        "kaldi-fbank": kaldi(x, rate, fbank, kaldi_native_fbank.OnlineFbank),
        "kaldi-mfcc": kaldi(x, rate, mfcc, kaldi_native_fbank.OnlineMfcc),
        "log-mel": torch.log(plain(t) + 1e-6).numpy().T,
        "to-8000": librosa.resample(x, orig_sr=rate, target_sr=8000, res_type="soxr_hq"),
        "to-22050": librosa.resample(x, orig_sr=rate, target_sr=22050, res_type="soxr_hq"),
    }
    save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in out.items()}, sys.argv[1])
    for name, values in out.items():
        print(name, values.shape)


main()
