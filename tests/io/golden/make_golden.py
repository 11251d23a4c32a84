"""Makes the golden files of tests/io with the Python packages that others use (torch, safetensors, numpy)."""
import os

import numpy as np
import torch
from safetensors.torch import save_file

here = os.path.dirname(os.path.abspath(__file__))
save_file(
    {
        "layer.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3) * 0.5 - 1,
        "half": torch.tensor([1.0, -2.5, 65504.0], dtype=torch.float16),
        "brain": torch.tensor([3.0, -0.125], dtype=torch.bfloat16),
        "f8": torch.tensor([1.0, -0.5, 2.0]).to(torch.float8_e5m2),
        "count": torch.tensor(12345678901, dtype=torch.int64),
        "mask": torch.tensor([False, True]),
        "empty": torch.zeros(0, 4),
    },
    os.path.join(here, "python.safetensors"),
    metadata={"format": "pt"},
)
array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
np.save(os.path.join(here, "c_order.npy"), array)
np.save(os.path.join(here, "fortran_order.npy"), np.asfortranarray(array))
np.save(os.path.join(here, "scalar.npy"), np.array(-3, dtype=np.int64))
