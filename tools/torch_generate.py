#!/usr/bin/env python3
"""Characters a second that a recurrent language model writes, in Cairn and in a plain PyTorch loop.

torch_generate.py RUN [CHARACTERS]: RUN is the folder of `cairn train language-model --model lstm|gru|rnn`. Both sides
have the same weights, batch 1, one thread, draw from the softmax at temperature 1 and are timed twice, in turn; the
better time counts. Cairn's start is taken off by the difference of a long and a short text. Needs torch and safetensors.
"""
import json
import os
import subprocess
import sys
import time

import torch
import torch.nn as nn
from safetensors import safe_open

CAIRN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "cairn")


def load(run):
    config = json.load(open(f"{run}/config.json"))
    width, layers, vocab = config["width"], config["layers"], config["vocab"]
    cell = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[config["model"]]
    net = nn.ModuleDict({"emb": nn.Embedding(vocab, width), "rnn": cell(width, width, layers, batch_first=True),
                         "head": nn.Linear(width, vocab)})
    with safe_open(f"{run}/model.safetensors", "pt") as file:
        net.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    return net.eval()


def seconds_in_torch(net, count):
    began = time.perf_counter()
    with torch.inference_mode():
        token, state = torch.zeros(1, 1, dtype=torch.long), None
        for _ in range(count):
            hidden, state = net["rnn"](net["emb"](token), state)
            token = torch.multinomial(torch.softmax(net["head"](hidden)[:, 0], -1), 1)
            token.item()  # each character is shown before the next is drawn
    return time.perf_counter() - began


def seconds_in_cairn(run, count):
    def timed(n):
        began = time.perf_counter()
        subprocess.run([CAIRN, "generate", run, "--max-tokens", str(n), "--threads", "1"], check=True,
                       stdout=subprocess.DEVNULL)
        return time.perf_counter() - began
    return timed(count + 20) - timed(20)


def main():
    run, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    torch.set_num_threads(1)
    net = load(run)
    seconds_in_torch(net, 50)
    theirs, ours = [], []
    for _ in range(2):
        theirs.append(seconds_in_torch(net, count))
        ours.append(seconds_in_cairn(run, count))
    a, b = count / min(ours), count / min(theirs)
    print(json.dumps({"characters": count, "cairn_per_second": round(a), "torch_per_second": round(b),
                      "ratio": round(a / b, 2)}))


main()
