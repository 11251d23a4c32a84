"""Networks and the first 20 steps of their training; PyTorch's losses of the same ones are in curves.json (tools/dump_python_curves.py)."""
import numpy as np

import cairn
from cairn import nn, optim

from support import numbers

STEPS = 20


def labels(count, classes):
    return (np.arange(count) * 7 % classes).astype(np.int64)


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(6)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 8, 3, padding="same", bias=False)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.pool(cairn.relu(self.bn1(self.conv1(x))))
        x = cairn.gelu(self.conv2(x)).mean((2, 3))
        return self.head(x)


class Sequence(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 6)
        self.lstm = nn.LSTM(6, 7, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(14, 11)

    def forward(self, x):
        output, (h, c) = self.lstm(self.embed(x))
        return self.head(output)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, dropout=0.0, activation="gelu", batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.norm(self.layer(x))).squeeze(-1)


def class_loss(y, target):
    return cairn.cross_entropy(y.reshape((-1, y.shape[-1])), target.reshape(-1))


# name: the network, its optimizer, its loss, inputs and target
CURVES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 3)), lambda p: optim.AdamW(p, lr=1e-2), class_loss, numbers((24, 5)), labels(24, 3)),
    "conv": (Conv, lambda p: optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3), class_loss, numbers((12, 1, 8, 8)), labels(12, 5)),
    "lstm": (Sequence, lambda p: optim.Adam(p, lr=1e-2), class_loss, labels(4 * 9, 11).reshape(4, 9), labels(4 * 9 + 1, 11)[1:].reshape(4, 9)),
    "encoder": (Encoder, lambda p: optim.RMSprop(p, lr=1e-3), cairn.mse_loss, numbers((3, 6, 8)), numbers((3, 6), phase=2.0)),
}
