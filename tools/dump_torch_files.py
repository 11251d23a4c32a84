#!/usr/bin/env python3
"""Files of torch.save() and what they hold, as safetensors: tests/io/golden/torch*.

Made with torch 2.15.0 (another is refused, since its files may differ).
dump_torch_files.py --check FILE.pt FILE.safetensors says whether torch.load reads the same from both.
"""
import collections
import pathlib
import sys

import torch
from safetensors.torch import load_file, save_file

OUT = pathlib.Path(__file__).parent.parent / "tests/io/golden"

if sys.argv[1:2] == ["--check"]:
    a, b = torch.load(sys.argv[2], weights_only=True), load_file(sys.argv[3])
    assert sorted(a) == sorted(b), (sorted(a), sorted(b))
    for name, value in a.items():
        assert value.dtype == b[name].dtype and value.shape == b[name].shape, name
        assert torch.equal(value.contiguous().view(torch.uint8) if value.dim() else value, b[name].view(torch.uint8) if value.dim() else b[name])
    print(f"{len(a)} tensors are equal")
    sys.exit()

assert torch.__version__.startswith("2.15.0"), torch.__version__
torch.manual_seed(0)
w = torch.randn(3, 4)
state = collections.OrderedDict(
    weight=w, turned=w.t(), part=w[1:, ::2], shared=w[2], half=w.half(), brain=w.bfloat16(), double=w.double(), whole=torch.arange(5),
    short=torch.arange(3, dtype=torch.int32), byte=torch.tensor([1, 255], dtype=torch.uint8), sign=torch.tensor([-3], dtype=torch.int8),
    truth=torch.tensor([True, False]), one=torch.tensor(3.5), none=torch.zeros(0, 4), spread=torch.tensor([1.0, 2.0]).expand(3, 2),
    float8=w.to(torch.float8_e4m3fn), float8b=w.to(torch.float8_e5m2), parameter=torch.nn.Parameter(w.clone()))
torch.save(state, OUT / "torch.pt")
save_file({name: value.detach().clone().contiguous() for name, value in state.items()}, OUT / "torch.safetensors")
net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
optimizer = torch.optim.Adam(net.parameters())
net(torch.randn(4, 2)).sum().backward()
optimizer.step()
torch.save({"epoch": 3, "loss": 0.5, "state_dict": net.state_dict(), "optimizer": optimizer.state_dict()}, OUT / "torch_training.pt")
save_file({name: value.clone() for name, value in net.state_dict().items()}, OUT / "torch_training.safetensors")
