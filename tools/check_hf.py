#!/usr/bin/env python3
"""Runs as folders of Hugging Face's transformers (cairn export --format hf): does Python load them, and compute and tokenize the same?

check_hf.py PROGRAM trains a small language model and a small text classifier, exports both, and compares with onnxruntime's scores of
the ONNX export and with `cairn predict --json`. Needs transformers 5.24, torch 2.15, onnxruntime (pip).
check_hf.py PROGRAM FOLDER compares `cairn embed FOLDER` with sentence embeddings by transformers (mean, of length 1).
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

TEXTS = ["A man is eating food.", "The quick brown fox jumps over the lazy dog; Zürich's café costs 3.50!", "hello",
         "A very long text, " * 40, "Wake me at noon, 日本語 please."]


def run(*arguments, text=None):
    return subprocess.run([str(a) for a in arguments], input=text, capture_output=True, text=True, check=True).stdout


def say(what, difference, size):
    print(f"{what}: largest difference {difference:.3g}, largest value {size:.3g}")
    assert difference < 1e-4, what


def language_model(program, folder, unit):
    import onnxruntime
    run(program, "train", "language-model", "--tokens", unit, "--width", 32, "--layers", 2, "--context", 32, "--steps", 30, "--quiet",
        "--out", folder / "lm")
    run(program, "export", folder / "lm", "--format", "hf", "--out", folder / "lm-hf")
    run(program, "export", folder / "lm", "--format", "onnx", "--out", folder / "lm.onnx")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "lm-hf").eval()
    tokens = torch.randint(0, model.config.vocab_size, (3, 20), generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(folder / "lm.onnx")
    ours = session.run(None, {session.get_inputs()[0].name: tokens.numpy()})[0]
    with torch.no_grad():
        theirs = model(tokens).logits.numpy()
    say(f"language-model, {unit}", np.abs(ours - theirs).max(), np.abs(theirs).max())
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "lm-hf")
    text = "First Citizen:\nSpeak, speak."
    ids = tokenizer(text)["input_ids"]
    assert len(ids) == len(text) and tokenizer.decode(ids) == text, tokenizer.decode(ids)


def text_classification(program, folder):
    run(program, "train", "text-classification", "--epochs", 2, "--width", 32, "--layers", 1, "--quiet", "--out", folder / "tc")
    run(program, "export", folder / "tc", "--format", "hf", "--out", folder / "tc-hf")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "tc-hf")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder / "tc-hf").eval()
    texts = ["wake me at noon", "play some jazz, please", "it is dark in the hall"]
    lines = [json.loads(line) for line in run(program, "predict", folder / "tc", "--json", text="\n".join(texts) + "\n").splitlines()]
    worst = 0.0
    for text, line in zip(texts, lines):
        with torch.no_grad():
            p = model(torch.tensor([tokenizer(text)["input_ids"]])).logits.softmax(-1)[0]
        worst = max(worst, float((p - torch.tensor(line["probabilities"])).abs().max()))
        assert model.config.id2label[int(p.argmax())] == line["class"]
    say("text-classification", worst, 1)


def embed(program, folder):
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "lines").write_text("\n".join(TEXTS) + "\n")
        run(program, "embed", folder, "--file", place / "lines", "--out", place / "v.npy")
        ours = np.load(place / "v.npy")
    about = pathlib.Path(folder) / "sentence_bert_config.json"
    longest = json.loads(about.read_text())["max_seq_length"] if about.exists() else 512
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    e = tokenizer(TEXTS, padding=True, truncation=True, max_length=longest, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**e).last_hidden_state
    mask = e["attention_mask"][..., None]
    theirs = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1)).numpy()
    say("embed", np.abs(ours - theirs).max(), np.abs(theirs).max())


if len(sys.argv) > 2:
    embed(sys.argv[1], sys.argv[2])
else:
    with tempfile.TemporaryDirectory() as place:
        for unit in ("char", "byte"):
            (pathlib.Path(place) / unit).mkdir()
            language_model(sys.argv[1], pathlib.Path(place) / unit, unit)
        text_classification(sys.argv[1], pathlib.Path(place))
