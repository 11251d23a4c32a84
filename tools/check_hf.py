#!/usr/bin/env python3
"""Runs as folders of Hugging Face's transformers (cairn export --format hf): does Python load them, and compute and tokenize the same?

check_hf.py PROGRAM trains a small language model and a small text classifier, exports both, and compares with onnxruntime's scores of
the ONNX export and with `cairn predict --json`; and begins a language model with a random GPT-2, whose perplexity Python says, too. Needs transformers 5.24, torch 2.15, onnxruntime (pip).
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


def windows(tokens, context):
    """Each token but the first once, from at least half a context: (input, target) pairs, -100 where nothing counts."""
    first, end = 0, 0
    while end < len(tokens) - 1:
        new_end = min(first + context, len(tokens) - 1)
        targets = [-100] * (end - first) + tokens[end + 1:new_end + 1]
        yield tokens[first:new_end], targets
        end, first = new_end, first + context // 2


def perplexity(model, tokens, context):
    total = 0.0
    with torch.no_grad():
        for inputs, targets in windows(tokens, context):
            logits = model(torch.tensor([inputs])).logits[0]
            total += torch.nn.functional.cross_entropy(logits.double(), torch.tensor(targets), reduction="sum").item()
    return float(np.exp(total / (len(tokens) - 1)))


def gpt2(program, folder, text):
    """A random GPT-2 with a tokenizer of its own: perplexity of it as it is, and of it trained and written again."""
    import tokenizers
    learned = tokenizers.ByteLevelBPETokenizer()
    learned.train_from_iterator(text.splitlines(), vocab_size=500)
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=learned.get_vocab_size(), n_embd=48, n_layer=2, n_head=3, n_positions=64,
                                     initializer_range=0.2, bos_token_id=None, eos_token_id=None)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder / "gpt2")
    learned.save(str(folder / "gpt2" / "tokenizer.json"))
    (folder / "text.txt").write_text(text)
    for name, options in {"as it is": ["--steps", 1, "--lr", 1e-30], "trained on": ["--steps", 40, "--lr", 1e-3]}.items():
        out = folder / name.replace(" ", "-")
        run(program, "train", "language-model", "--init", folder / "gpt2", "--data", folder / "text.txt", *options, "--quiet", "--out", out)
        run(program, "export", out, "--format", "hf", "--out", folder / (out.name + "-hf"))
        ours = json.loads(run(program, "eval", out, "--data", folder / "text.txt", "--split", "all", "--json"))
        source = folder / ("gpt2" if name == "as it is" else out.name + "-hf")
        tokens = transformers.PreTrainedTokenizerFast(tokenizer_file=str(source / "tokenizer.json"))(text)["input_ids"]
        assert len(tokens) == ours["examples"] + 1, (len(tokens), ours)
        theirs = perplexity(transformers.AutoModelForCausalLM.from_pretrained(source).eval(), tokens, 64)
        print(f"gpt2 {name}: perplexity {ours['perplexity']:.6f}, in Python {theirs:.6f}")
        assert abs(ours["perplexity"] - theirs) < 1e-3, name


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
        text = pathlib.Path(__file__).read_text() + "A dog, a café; 3.50 and 日本.\n"
        gpt2(sys.argv[1], pathlib.Path(place), text)
        text_classification(sys.argv[1], pathlib.Path(place))
