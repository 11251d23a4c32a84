"""Modules: the library's layers under PyTorch's names and options, and modules of one's own.

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3, padding=1)
            self.head = nn.Linear(8, 10)

        def forward(self, x):
            x = cairn.relu(self.conv(x))
            return self.head(x.mean((2, 3)))

Names of parameters are PyTorch's ("conv.weight"), so state dicts move both ways. Called inside a
compiled function, a module becomes part of its graph; train() and eval() choose another graph.
"""
from .layers import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .modules import Buffer, Module, ModuleList, Parameter, Sequential  # noqa: F401
