#!/usr/bin/env python3
"""Exports PyTorch's networks by its own exporter (dynamo) and compares `cairn predict` with onnxruntime on the files.

check_torch_onnx.py BUILD FOLDER [NAME...]: files that are in FOLDER already are taken as they are. Prints a line a network: the
largest difference, relative to the largest value, at sizes that were free. Exit status 1 when one is above 1e-4. Needs torch,
torchvision, transformers, onnxscript, onnx and onnxruntime (seen with PyTorch 2.15, onnxscript 0.7, onnxruntime 1.32).
"""
import pathlib
import subprocess
import sys

import numpy
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

BOUND = 1e-4
FREE = torch.export.Dim.DYNAMIC
PICTURES = ["resnet18", "resnet50", "squeezenet1_1", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5",
            "densenet121", "googlenet", "inception_v3", "vit_b_32", "convnext_tiny", "swin_t"]
MAPS = ["deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"]
RECURRENT = {"lstm": ("LSTM", False), "bilstm": ("LSTM", True), "gru": ("GRU", False), "bigru": ("GRU", True)}


class Sequence(nn.Module):
    def __init__(self, kind, both):
        super().__init__()
        self.net = getattr(nn, kind)(64, 256, 2, batch_first=True, bidirectional=both)
        self.head = nn.Linear(512 if both else 256, 10)

    def forward(self, x):
        y, state = self.net(x)
        return self.head(y), state[0] if isinstance(state, tuple) else state


class ConvSilu(nn.Module):
    def __init__(self, cin, cout, kernel, stride):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(cout)

    def forward(self, x):
        return F.silu(self.norm(self.conv(x)))


class Yolo(nn.Module):
    """A small detector of YOLO's kind: two scales, distances as distributions, boxes in pixels."""

    def __init__(self, classes=5, bins=16):
        super().__init__()
        self.classes, self.bins = classes, bins
        self.stem = nn.Sequential(ConvSilu(3, 16, 3, 2), ConvSilu(16, 32, 3, 2), ConvSilu(32, 64, 3, 2))
        self.deep, self.join = ConvSilu(64, 64, 3, 2), ConvSilu(128, 64, 1, 1)
        self.pool, self.up, self.fine = nn.MaxPool2d(5, 1, 2), nn.Upsample(scale_factor=2), ConvSilu(128, 64, 3, 1)
        self.heads = nn.ModuleList([nn.Conv2d(64, 4 * bins + classes, 1) for _ in range(2)])

    def forward(self, x):
        x = self.stem(x)
        y = self.deep(x)
        y = self.join(torch.cat([y, self.pool(y)], 1))
        z = self.fine(torch.cat([x, self.up(y)], 1))
        found = []
        for t, head, stride in ((z, self.heads[0], 8), (y, self.heads[1], 16)):
            t = head(t)
            n, _, h, w = t.shape
            sides, scores = t.split([4 * self.bins, self.classes], 1)
            sides = (sides.view(n, 4, self.bins, h * w).softmax(2) * torch.arange(float(self.bins)).view(1, 1, -1, 1)).sum(2)
            gy, gx = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
            grid = torch.stack([gx.reshape(-1), gy.reshape(-1)])[None]
            low, high = grid - sides[:, :2], grid + sides[:, 2:]
            found.append(torch.cat([(low + high) / 2 * stride, (high - low) * stride, scores.reshape(n, -1, h * w).sigmoid()], 1))
        return torch.cat(found, 2)


class Plain(nn.Module):
    """One tensor of a model of transformers."""

    def __init__(self, net, what):
        super().__init__()
        self.net, self.what = net, what

    def forward(self, input_ids):
        return getattr(self.net(input_ids=input_ids, use_cache=False) if self.what == "logits" else self.net(input_ids=input_ids), self.what)


def texts():
    import transformers as t
    small = {"vocab_size": 500, "bos_token_id": 1, "eos_token_id": 1}
    bert = t.BertConfig(vocab_size=500, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128)
    gpt = t.GPT2Config(n_positions=64, n_embd=64, n_layer=2, n_head=4, **small)
    llama = t.LlamaConfig(hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, **small)
    return {"bert": Plain(t.BertModel(bert), "last_hidden_state"), "gpt2": Plain(t.GPT2LMHeadModel(gpt), "logits"),
            "llama": Plain(t.LlamaForCausalLM(llama), "logits")}


def network(name):
    """The network, an input, and which of its sizes are free."""
    import torchvision.models as models
    name = name.removesuffix("-opset23")
    side = 299 if name == "inception_v3" else 224
    if name in PICTURES:
        more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        return getattr(models, name)(weights=None, **more), torch.randn(2, 3, side, side), {0: FREE}
    if name in MAPS:
        return getattr(models.segmentation, name)(weights=None, weights_backbone=None), torch.randn(2, 3, 128, 128), {0: FREE}
    if name in RECURRENT:
        return Sequence(*RECURRENT[name]), torch.randn(2, 20, 64), {0: FREE, 1: FREE}
    if name == "yolo":
        return Yolo(), torch.randn(2, 3, 128, 160), {0: FREE, 2: FREE, 3: FREE}
    return texts()[name], torch.randint(0, 500, (2, 9)), {0: FREE, 1: FREE}


def export(name, file):
    torch.manual_seed(0)
    net, x, free = network(name)
    opset = {"opset_version": 23} if name.endswith("-opset23") else {}
    torch.onnx.export(net.eval(), (x,), dynamic_shapes=(free,), dynamo=True, verbose=False, **opset).save(str(file))


def difference(program, file, folder):
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    random, inputs = numpy.random.default_rng(1), {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else 3 if at == 0 else 64 if len(i.shape) == 4 else 7 for at, d in enumerate(i.shape)]
        inputs[i.name] = random.integers(0, 400, shape) if "int64" in i.type else random.standard_normal(shape).astype(numpy.float32)
    numpy.savez(folder / "in.npz", **inputs)
    subprocess.run([program, "predict", file, folder / "in.npz", "--out", folder / "out.npz"], check=True, capture_output=True)
    worst = 0
    with numpy.load(folder / "out.npz") as ours:
        for o, theirs in zip(session.get_outputs(), session.run(None, inputs), strict=True):
            if ours[o.name].shape != theirs.shape:
                raise RuntimeError(f"'{o.name}' is {ours[o.name].shape}, in onnxruntime {theirs.shape}")
            worst = max(worst, float(abs(ours[o.name] - theirs).max() / max(1e-3, abs(theirs).max())))
    return worst


def main(program, folder, names):
    failed = 0
    for name in names:
        file = folder / (name + ".onnx")
        try:
            if not file.exists():
                export(name, file)
            worst = difference(program, file, folder)
            ok, text = worst <= BOUND, f"largest difference {worst:.1e}"
        except subprocess.CalledProcessError as e:
            ok, text = False, e.stderr.decode().strip().splitlines()[-1]
        except Exception as e:  # of torch, onnxruntime or Cairn: the line says it, the others go on
            ok, text = False, f"{type(e).__name__}: {str(e)[:300]}"
        failed += not ok
        print(f"{'ok    ' if ok else 'FAILED'} {name:<30} {text}", flush=True)
    print(f"{len(names) - failed} of {len(names)} networks within {BOUND} (PyTorch {torch.__version__}, onnxruntime {onnxruntime.__version__})")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    every = [*PICTURES, *MAPS, *RECURRENT, "yolo", "bert", "gpt2", "llama", "bert-opset23", "gpt2-opset23"]
    sys.exit(main(str(pathlib.Path(sys.argv[1]).resolve() / "cairn"), target, sys.argv[3:] or every))
