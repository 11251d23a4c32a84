#!/usr/bin/env python3
"""Writes what PyTorch's optimizers make of two parameters to tests/optim/data/optimizers.safetensors.

The second parameter has no gradient in the first two steps. tests/optim/like_pytorch_test.cpp does the same steps.
Needs torch (2.15 wrote the file that is there) and safetensors.
"""

import os
import sys
import torch
import torch.overrides
from safetensors.torch import save_file


class InSingle(torch.overrides.TorchFunctionMode):
    """Muon multiplies in bf16; here what it converts stays f32."""

    def __torch_function__(self, f, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if kwargs.get("dtype") is torch.bfloat16:
            kwargs["dtype"] = torch.float32
        return f(*args, **kwargs)


torch.manual_seed(0)
steps = 8
starts = {"a": torch.randn(3, 2), "b": torch.randn(4, 3)}
gradients = {k: torch.randn(steps, *p.shape) for k, p in starts.items()}
out = {f"start.{k}": p.clone() for k, p in starts.items()}
out |= {f"gradient.{k}": g.clone() for k, g in gradients.items()}

o = torch.optim
optimizers = {
    "sgd": lambda p: o.SGD(p, lr=0.1),
    "sgd_dampened": lambda p: o.SGD(p, lr=0.1, momentum=0.9, dampening=0.5, weight_decay=0.1),
    "sgd_nesterov": lambda p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "sgd_max": lambda p: o.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, maximize=True),
    "adamw_max": lambda p: o.AdamW(p, lr=0.1, weight_decay=0.1, maximize=True),
    "adam": lambda p: o.Adam(p, lr=0.1, weight_decay=0.1),
    "adam_amsgrad": lambda p: o.Adam(p, lr=0.1, betas=(0.5, 0.6), amsgrad=True),
    "adamw": lambda p: o.AdamW(p, lr=0.1, betas=(0.8, 0.9), weight_decay=0.2),
    "adamw_amsgrad": lambda p: o.AdamW(p, lr=0.1, betas=(0.5, 0.6), amsgrad=True),
    "rmsprop": lambda p: o.RMSprop(p, lr=0.1, momentum=0.5, centered=True, weight_decay=0.1),
    "adagrad": lambda p: o.Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.2),
    "adadelta": lambda p: o.Adadelta(p, weight_decay=0.1),
    "adamax": lambda p: o.Adamax(p, lr=0.1, weight_decay=0.1),
    "nadam": lambda p: o.NAdam(p, lr=0.1, weight_decay=0.1),
    "nadam_decoupled": lambda p: o.NAdam(p, lr=0.1, weight_decay=0.1, momentum_decay=0.1, decoupled_weight_decay=True),
    "radam": lambda p: o.RAdam(p, lr=0.1, weight_decay=0.1),
    "radam_decoupled": lambda p: o.RAdam(p, lr=0.1, betas=(0.8, 0.9), weight_decay=0.1, decoupled_weight_decay=True),
    "adafactor": lambda p: o.Adafactor(p, lr=0.1, weight_decay=0.1),
    "muon": lambda p: o.Muon(p, lr=0.1, weight_decay=0.1),
}
for name, make in optimizers.items():
    parameters = {k: p.clone().requires_grad_() for k, p in starts.items()}
    optimizer = make(list(parameters.values()))
    after = {k: [] for k in parameters}
    for t in range(steps):
        for k, p in parameters.items():
            p.grad = gradients[k][t].clone() if k == "a" or t >= 2 else None
        with InSingle():
            optimizer.step()
        for k, p in parameters.items():
            after[k].append(p.detach().clone())
    for k in parameters:
        out[f"{name}.{k}"] = torch.stack(after[k])

# L-BFGS: steps of five iterations on a logistic regression.
torch.manual_seed(1)
x, y = torch.randn(20, 3), (torch.rand(20) > 0.5).float()
out |= {"lbfgs.x": x, "lbfgs.y": y}
for name, search in (("lbfgs", None), ("lbfgs_wolfe", "strong_wolfe")):
    w = torch.zeros(3, requires_grad=True)
    optimizer = o.LBFGS([w], max_iter=5, history_size=3, line_search_fn=search)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ w, y) + 0.05 * w.square().sum()
        loss.backward()
        return loss

    after = []
    for _ in range(3):
        optimizer.step(closure)
        after.append(w.detach().clone())
    out[f"{name}.w"] = torch.stack(after)

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "optim", "data")
os.makedirs(folder, exist_ok=True)
path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else folder, "optimizers.safetensors")
save_file(out, path)
print(f"{path}: {len(out)} tensors, {os.path.getsize(path)} bytes")
