#!/usr/bin/env python3
"""Fine-tuning a BERT on questions: examples a second and peak memory of Cairn and of PyTorch with transformers, in one run, by turns.

finetune_speed.py CAIRN BERT SQUAD [--rounds 2] [--steps 24] [--batch 16] [--threads 2] [--precision f32]

BERT is a folder of Hugging Face's, SQUAD a file of questions. Both sides learn from the same questions, those of one length in tokens (the
commonest from 150 on), so that every step is of the same shape: AdamW, gradients clipped at a norm of 1, dropout as the folder has it. A side
is a process of its own that runs twice, 4 steps and --steps more; what the second takes longer are its steps, the larger peak is its
memory. PyTorch at the best of --modes (eager's attention is its fused one; bf16 is autocast; freed memory is kept, which is quicker, but
in a mode with "glibc", which takes least). Needs torch, transformers, tokenizers, numpy.
"""
import argparse
import collections
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

FEW = 4  # steps of the shorter run


def questions_of(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8") as file:
        for article in json.load(file)["data"]:
            for paragraph in article["paragraphs"]:
                for question in paragraph["qas"]:
                    yield paragraph["context"], question


def of_one_length(bert, squad):
    """(length in tokens, questions of it)"""
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(f"{bert}/tokenizer.json")
    tokenizer.no_truncation(), tokenizer.no_padding()
    by_length = collections.defaultdict(list)
    for context, question in questions_of(squad):
        length = len(tokenizer.encode(question["question"], context).ids)
        if question.get("answers") and 150 <= length <= 250:
            by_length[length].append((context, question))
    return max(by_length.items(), key=lambda item: len(item[1]))


def in_torch(given):
    """The other process: trains, and ends."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertForQuestionAnswering
    torch.manual_seed(0)
    torch.set_num_threads(given.threads)
    tokenizer = Tokenizer.from_file(f"{given.bert}/tokenizer.json")
    tokenizer.no_truncation(), tokenizer.no_padding()
    rows = [tokenizer.encode(q["question"], context) for context, q in questions_of(given.squad)]
    ids, kinds = torch.tensor([r.ids for r in rows]), torch.tensor([r.type_ids for r in rows])
    net = BertForQuestionAnswering.from_pretrained(given.bert).train()
    adamw = torch.optim.AdamW(net.parameters(), lr=1.5e-4, weight_decay=0.01, foreach=True)
    step_of = torch.compile(net) if "compile" in given.mode else net
    for step in range(given.steps):
        chosen = torch.randint(len(rows), (given.batch,))
        with torch.autocast("cpu", torch.bfloat16, enabled=given.precision == "bf16"):
            loss = step_of(input_ids=ids[chosen], token_type_ids=kinds[chosen], start_positions=torch.full((given.batch,), 20),
                           end_positions=torch.full((given.batch,), 22)).loss
        adamw.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1)
        adamw.step()


def measured(command, environment=None):
    """Seconds and peak bytes of a process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{command[0]} failed: {error.decode()[-2000:]}")
    return time.perf_counter() - began, used.ru_maxrss * 1024


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("cairn"), options.add_argument("bert"), options.add_argument("squad")
    for name, usual in (("rounds", 2), ("steps", 24), ("batch", 16), ("threads", 2)):
        options.add_argument("--" + name, type=int, default=usual)
    options.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    options.add_argument("--modes", default="eager,eager+glibc,compile")
    options.add_argument("--mode", help=argparse.SUPPRESS)  # of the other process
    given = options.parse_args()
    if given.mode:
        return in_torch(given)

    kept = tempfile.TemporaryDirectory()  # until the end
    folder = pathlib.Path(kept.name)
    length, questions = of_one_length(given.bert, given.squad)
    (folder / "squad.json").write_text(json.dumps({"data": [{"title": "", "paragraphs": [
        {"context": context, "qas": [question]} for context, question in questions]}]}), encoding="utf-8")
    runs = iter(range(1 << 20))
    common = ["--batch", str(given.batch), "--threads", str(given.threads), "--precision", given.precision]

    def by_cairn(steps):
        return measured([given.cairn, "train", "question-answering", "--data", folder / "squad.json", "--init", given.bert, "--val-split", "0.02",
                         "--steps", str(steps), "--eval-every", str(steps), "--out", folder / f"run-{next(runs)}", "--quiet"] + common)

    def by_torch(mode):
        memory = {} if "glibc" in mode else {"MALLOC_TRIM_THRESHOLD_": str(1 << 40), "MALLOC_MMAP_THRESHOLD_": str(1 << 40)}
        return lambda steps: measured([sys.executable, __file__, given.cairn, given.bert, folder / "squad.json", "--steps", str(steps),
                                       "--mode", mode] + common, memory)

    sides = {"Cairn": by_cairn, **{f"PyTorch, {mode}": by_torch(mode) for mode in given.modes.split(",")}}
    seconds, bytes_ = collections.defaultdict(list), collections.defaultdict(int)
    for _ in range(given.rounds):
        for name, side in sides.items():
            few, _ = side(FEW)
            all_, peak = side(FEW + given.steps)
            seconds[name].append((all_ - few) / given.steps)
            bytes_[name] = max(bytes_[name], peak)
    print(f"{len(questions)} questions of {length} tokens, batches of {given.batch}, {given.precision}")
    for name in sides:
        quickest, ours = min(seconds[name]), min(seconds["Cairn"])
        print(f"{name}: {given.batch / quickest:.2f} examples a second, peak {bytes_[name] / 2**20:.0f} MiB; Cairn is {quickest / ours:.2f} times "
              f"as fast, with {bytes_['Cairn'] / bytes_[name]:.2f} of the memory")


main()
