#!/usr/bin/env bash
# PyTorch 2.15: the gradient of scaled_dot_product_attention is too large where a float mask hides a whole row.
#
# Guess: a row whose mask is one finite huge number for every key (-1e30, or the lowest float, as tokenizers' padding gives)
#   takes the mean of the values, and the values' gradients sum to 1, as with -1000 and as with softmax written out.
# Seen (torch 2.15.0, CPU): the value is the mean, but with 5 keys the gradients of the values sum to 5: the backward pass takes
#   the logarithm of the sum for mask + log 5, which rounds to the mask.
#
# Installs torch (some GB with what it depends on) into a temporary folder only. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 2> log || { cat log; exit 1; }
cat > main.py <<'P'
import torch
import torch.nn.functional as F

torch.manual_seed(0)
q, k, v = (torch.randn(1, 1, n, 4, requires_grad=True) for n in (1, 5, 5))
for low in (-1e3, -1e30):
    mask = torch.full((1, 5), low)
    for name, y in (
        ("fused", F.scaled_dot_product_attention(q, k, v, attn_mask=mask)),
        ("written out", (q @ k.transpose(-1, -2) / 2 + mask).softmax(-1) @ v),
    ):
        gradient, = torch.autograd.grad(y.sum(), v)
        print(f"mask {low:g}, {name}: gradients of the 5 values sum to {gradient[..., 0].sum():.3f}")
P
v/bin/python -W ignore main.py | tee seen
cat > expected <<'T'
mask -1000, fused: gradients of the 5 values sum to 1.000
mask -1000, written out: gradients of the 5 values sum to 1.000
mask -1e+30, fused: gradients of the 5 values sum to 5.000
mask -1e+30, written out: gradients of the 5 values sum to 1.000
T
cmp seen expected
