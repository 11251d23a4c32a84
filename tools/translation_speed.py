#!/usr/bin/env python3
"""Sentences a second of a translation network: Cairn, CTranslate2 and PyTorch with the same weights, in turn.

translation_speed.py CAIRN RUN FILE [--count N] [--beams 5] [--batch 64] [--threads 2] [--rounds 2]

RUN is the folder of `cairn train machine-translation` (a Transformer), FILE has a sentence a line. All sides search with
the same beams until as many texts have ended, and read the same tokens in batches of like length; Cairn's start and its tokens are measured and taken
off by a translation of one line. CTranslate2 is tried with all threads in one batch and with a batch on each. The share of sentences that come out alike is printed beside the times. Needs torch,
ctranslate2, tokenizers, numpy and safetensors.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

import ctranslate2
import numpy as np
import torch
from ctranslate2.specs import TransformerSpec, common_spec
from safetensors.numpy import load_file
from tokenizers import Tokenizer

BEGIN, END = 1, 2


def positions(count, width):
    """The sines and cosines of Vaswani et al. 2017 as the network's first layer adds them."""
    i = np.arange(width // 2)
    angles = np.arange(count)[:, None] / 10000 ** (2 * i / width)
    table = np.empty((count, width), np.float32)
    table[:, 0::2], table[:, 1::2] = np.sin(angles), np.cos(angles)
    return table


def fill_norm(spec, w, name):
    spec.gamma, spec.beta = w[name + ".weight"], w[name + ".bias"]


def fill_linear(spec, w, *names):
    spec.weight = np.concatenate([w[n + ".weight"] for n in names])
    spec.bias = np.concatenate([w[n + ".bias"] for n in names])


def converted(run, folder):
    """The weights as CTranslate2 has them."""
    config, w = json.load(open(f"{run}/config.json")), load_file(f"{run}/model.safetensors")
    layers, width = config["layers"], config["width"]
    spec = TransformerSpec.from_config(layers, config["heads"], pre_norm=True,
                                       activation=common_spec.Activation.GELUTanh)
    table = positions(config["longest"] + 1, width)
    for side, blocks, norm in ((spec.encoder, "enc", "ne"), (spec.decoder, "dec", "nd")):
        embeddings = side.embeddings[0] if isinstance(side.embeddings, list) else side.embeddings
        embeddings.weight = w["tok.weight"]
        side.scale_embeddings = True
        side.position_encodings.encodings = table
        fill_norm(side.layer_norm, w, norm)
        for i in range(layers):
            layer, at = side.layer[i], f"{blocks}.{i}."
            fill_norm(layer.self_attention.layer_norm, w, at + "n1")
            fill_linear(layer.self_attention.linear[0], w, at + "a1.q", at + "a1.kv")
            fill_linear(layer.self_attention.linear[1], w, at + "a1.o")
            if blocks == "dec":
                fill_norm(layer.attention.layer_norm, w, at + "nx")
                fill_linear(layer.attention.linear[0], w, at + "ax.q")
                fill_linear(layer.attention.linear[1], w, at + "ax.kv")
                fill_linear(layer.attention.linear[2], w, at + "ax.o")
            fill_norm(layer.ffn.layer_norm, w, at + "n2")
            fill_linear(layer.ffn.linear_0, w, at + "f1")
            fill_linear(layer.ffn.linear_1, w, at + "f2")
    spec.decoder.projection.weight = w["tok.weight"]
    tokens = [f"t{i}" for i in range(len(w["tok.weight"]))]  # its vocabulary: our numbers
    tokens[0], tokens[BEGIN], tokens[END] = "<blank>", "<s>", "</s>"
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.add_source_eos = True
    spec.config.decoder_start_token = "<s>"
    spec.validate()
    os.makedirs(folder)
    spec.save(folder)
    return tokens


class InTorch:
    """The same network and search in PyTorch: cached keys and values, all beams of a batch in one step."""

    def __init__(self, run):
        self.c = json.load(open(f"{run}/config.json"))
        self.w = {k: torch.tensor(v) for k, v in load_file(f"{run}/model.safetensors").items()}
        self.table = torch.tensor(positions(self.c["longest"] + 1, self.c["width"]))

    def norm(self, x, n):
        return torch.nn.functional.layer_norm(x, x.shape[-1:], self.w[n + ".weight"], self.w[n + ".bias"])

    def linear(self, x, n):
        return torch.nn.functional.linear(x, self.w[n + ".weight"], self.w[n + ".bias"])

    def heads(self, x):
        return x.unflatten(-1, (self.c["heads"], -1)).transpose(1, 2)

    def attend(self, n, query, key, value, mask=None):
        y = torch.nn.functional.scaled_dot_product_attention(self.heads(self.linear(query, n + ".q")), key, value, mask)
        return self.linear(y.transpose(1, 2).flatten(2), n + ".o")

    def keys(self, x, n):
        k, v = self.linear(x, n + ".kv").chunk(2, -1)
        return self.heads(k), self.heads(v)

    def feed(self, x, n):
        h = torch.nn.functional.gelu(self.linear(self.norm(x, n + ".n2"), n + ".f1"), approximate="tanh")
        return x + self.linear(h, n + ".f2")

    def embed(self, tokens, at):
        e = torch.nn.functional.embedding(tokens, self.w["tok.weight"]) * self.c["width"] ** 0.5
        return e + self.table[at:at + tokens.shape[1]]

    def search(self, texts, beams, penalty):
        count, longest = len(texts), max(map(len, texts))
        source = torch.zeros(count, longest, dtype=torch.long)
        for i, t in enumerate(texts):
            source[i, :len(t)] = torch.tensor(t)
        seen = (torch.arange(longest)[None] < torch.tensor([[len(t)] for t in texts]))[:, None, None]
        x = self.embed(source, 0)
        for i in range(self.c["layers"]):
            n = f"enc.{i}"
            h = self.norm(x, n + ".n1")
            x = self.feed(x + self.attend(n + ".a1", h, *self.keys(h, n + ".a1"), seen), n)
        memory = self.norm(x, "ne")
        cross = [self.keys(memory, f"dec.{i}.ax") for i in range(self.c["layers"])]
        own = [None] * self.c["layers"]
        scores = torch.full((count, beams), -1e9)
        scores[:, 0] = 0
        written = torch.full((count * beams, 1), BEGIN)
        ended = [[] for _ in texts]
        active = list(range(count))
        for step in range(2 * longest + 10):
            n_texts = len(active)
            x = self.embed(written[:, -1:], step)
            for i in range(self.c["layers"]):
                n = f"dec.{i}"
                h = self.norm(x, n + ".n1")
                k, v = self.keys(h, n + ".a1")
                own[i] = (k, v) if own[i] is None else (torch.cat([own[i][0], k], 2), torch.cat([own[i][1], v], 2))
                x = x + self.attend(n + ".a1", h, *own[i])
                h = self.norm(x, n + ".nx").view(n_texts, beams, -1)
                x = x + self.attend(n + ".ax", h, *cross[i], seen).view(n_texts * beams, 1, -1)
                x = self.feed(x, n)
            logp = torch.log_softmax(self.norm(x, "nd")[:, 0] @ self.w["tok.weight"].T, -1)
            total = (scores.view(-1, 1) + logp).view(n_texts, -1)
            best, where = total.topk(2 * beams, -1)
            rows, tokens = where // logp.shape[1], where % logp.shape[1]
            keep_rows, keep_tokens, keep_scores, alive = [], [], [], []
            for t in range(n_texts):
                chosen = []
                for rank, (s, r, k) in enumerate(zip(best[t].tolist(), rows[t].tolist(), tokens[t].tolist())):
                    if k == END and rank >= beams:
                        continue  # what goes on instead is likelier
                    if k == END:
                        text = written[t * beams + r, 1:].tolist()
                        ended[active[t]].append((s / ((6 + len(text)) / 6) ** penalty, text))
                    elif len(chosen) < beams:
                        chosen.append((t * beams + r, k, s))
                if len(ended[active[t]]) >= beams:
                    continue
                alive.append(t)
                for r, k, s in chosen:
                    keep_rows.append(r), keep_tokens.append(k), keep_scores.append(s)
            if not alive:
                break
            at = torch.tensor(keep_rows)
            written = torch.cat([written[at], torch.tensor(keep_tokens)[:, None]], 1)
            scores = torch.tensor(keep_scores).view(-1, beams)
            own = [(k[at], v[at]) for k, v in own]
            if len(alive) < n_texts:
                keep = torch.tensor(alive)
                cross, seen = [(k[keep], v[keep]) for k, v in cross], seen[keep]
                active = [active[t] for t in alive]
        return [max(e)[1] if e else [] for e in ended]


def in_order(texts):
    return sorted(range(len(texts)), key=lambda i: len(texts[i]))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("cairn"), a.add_argument("run"), a.add_argument("file")
    a.add_argument("--count", type=int, default=1000)
    for name, usual in (("beams", 5), ("batch", 64), ("threads", 2), ("rounds", 2)):
        a.add_argument("--" + name, type=int, default=usual)
    a = a.parse_args()
    config = json.load(open(f"{a.run}/config.json"))
    tokenizer = Tokenizer.from_str(config["tokenizer"])
    lines = [line.rstrip("\n") for line in open(a.file, encoding="utf-8")][:a.count]
    texts = [tokenizer.encode(line, add_special_tokens=False).ids + [END] for line in lines]
    order = in_order(texts)
    torch.set_num_threads(a.threads)
    theirs = InTorch(a.run)
    folder = tempfile.mkdtemp()
    tokens = converted(a.run, os.path.join(folder, "ct2"))
    def translator(batches):
        return ctranslate2.Translator(os.path.join(folder, "ct2"), device="cpu", inter_threads=batches,
                                      intra_threads=a.threads // batches)
    ct2, ct2_side_by_side = translator(1), translator(a.threads)

    def by_cairn():
        def timed(some):
            began = time.perf_counter()
            out = subprocess.run([a.cairn, "predict", a.run, "--beams", str(a.beams), "--batch", str(a.batch),
                                  "--threads", str(a.threads), "--patience", "1"], input="\n".join(some) + "\n", text=True, check=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            return time.perf_counter() - began, out.splitlines()
        seconds, out = timed(lines)
        return seconds - timed(lines[:1])[0], out

    def by_torch():
        began, out = time.perf_counter(), [None] * len(texts)
        with torch.inference_mode():
            for at in range(0, len(order), a.batch):
                some = order[at:at + a.batch]
                for i, text in zip(some, theirs.search([texts[i] for i in some], a.beams, 0.8)):
                    out[i] = text
        return time.perf_counter() - began, [tokenizer.decode(t) for t in out]

    def as_text(found):
        return tokenizer.decode([int(t[1:]) for t in found.hypotheses[0]])

    def in_ct2(translator, some):
        return translator.translate_batch([[tokens[t] for t in texts[i][:-1]] for i in some], beam_size=a.beams,
                                          length_penalty=0.8, min_decoding_length=1, max_batch_size=a.batch)

    def by_ct2():
        began, out = time.perf_counter(), [None] * len(texts)
        for at in range(0, len(order), a.batch):
            some = order[at:at + a.batch]
            for i, found in zip(some, in_ct2(ct2, some)):
                out[i] = as_text(found)
        return time.perf_counter() - began, out

    def by_ct2_side_by_side():
        began = time.perf_counter()
        out = [as_text(found) for found in in_ct2(ct2_side_by_side, range(len(texts)))]
        return time.perf_counter() - began, out

    sides = {"Cairn": by_cairn, "CTranslate2, all threads in a batch": by_ct2,
             "CTranslate2, a thread a batch": by_ct2_side_by_side, "PyTorch": by_torch}
    times, outs = {name: [] for name in sides}, {}
    for _ in range(a.rounds):
        for name, side in sides.items():
            seconds, outs[name] = side()
            times[name].append(seconds)
    ours = min(times["Cairn"])
    for name in sides:
        alike = sum(x == y for x, y in zip(outs[name], outs["Cairn"])) / len(lines)
        print(f"{name}: {len(lines) / min(times[name]):.1f} sentences a second, Cairn is {min(times[name]) / ours:.2f} "
              f"times as fast, {100 * alike:.1f} % come out as Cairn's")


main()
