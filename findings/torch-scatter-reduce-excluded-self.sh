#!/usr/bin/env bash
# PyTorch 2.15: part of the gradient of scatter_reduce is lost where what was excluded happens to equal the result.
#
# Guess: with include_self=False the tensor written to takes no part, so the one smallest source gets the whole gradient.
# Seen (torch 2.15.0, CPU): where the excluded element equals the smallest source, the source gets half of it, as if two shared a tie;
#   the other half goes nowhere, for the excluded element's gradient is 0. The same with amax. Any other value there gives 1.
#
# Installs torch (some GB with what it depends on) into a temporary folder only. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv v
v/bin/pip install -q torch==2.15.0 2> log || { cat log; exit 1; }
cat > main.py <<'P'
import torch

index = torch.tensor([0, 0])
for reduce, sources in (("amin", [5.0, 7.0]), ("amax", [5.0, 3.0])):
    for before in (5.0, 6.0):
        into = torch.tensor([before], requires_grad=True)
        source = torch.tensor(sources, requires_grad=True)
        y = into.scatter_reduce(0, index, source, reduce, include_self=False)
        y.sum().backward()
        print(f"{reduce} of {sources} into an excluded {before:g}: {y.item():g}, "
              f"gradients {source.grad.tolist()} and {into.grad.tolist()}")
P
v/bin/python -W ignore main.py | tee seen
cat > expected <<'T'
amin of [5.0, 7.0] into an excluded 5: 5, gradients [0.5, 0.0] and [0.0]
amin of [5.0, 7.0] into an excluded 6: 5, gradients [1.0, 0.0] and [0.0]
amax of [5.0, 3.0] into an excluded 5: 5, gradients [0.5, 0.0] and [0.0]
amax of [5.0, 3.0] into an excluded 6: 5, gradients [1.0, 0.0] and [0.0]
T
cmp seen expected
