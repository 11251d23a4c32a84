"""The networks of cairn/models in PyTorch: same layers, names and weight layouts, sizes as arguments."""
import torch
import torch.nn as nn
import torch.nn.functional as F


# ---------------------------------------------------------------- convolution
class LeNet(nn.Module):
    def __init__(self, channels=1, classes=10, width=32, hidden=128):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, 2 * width, 3, padding=1)
        self.f1, self.f2 = nn.Linear(2 * width * 7 * 7, hidden), nn.Linear(hidden, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.f2(F.relu(self.f1(x.flatten(1))))


def shortcut(cin, cout, stride):
    if stride == 1 and cin == cout:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))


class BasicBlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.c2, self.b2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout)
        self.short = shortcut(cin, cout, stride)

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(y)) + self.short(x))


class ResNet18Cifar(nn.Module):
    def __init__(self, classes=10, channels=3, width=64):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        layers, cin = [], width
        for i in range(4):
            cout = width << i
            layers += [BasicBlock(cin, cout, 1 if i == 0 else 2), BasicBlock(cout, cout, 1)]
            cin = cout
        self.body, self.head = nn.Sequential(*layers), nn.Linear(8 * width, classes)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class Bottleneck(nn.Module):
    def __init__(self, cin, mid, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(cin, mid, 1, bias=False), nn.BatchNorm2d(mid)
        self.c2, self.b2 = nn.Conv2d(mid, mid, 3, stride, 1, bias=False), nn.BatchNorm2d(mid)
        self.c3, self.b3 = nn.Conv2d(mid, mid * 4, 1, bias=False), nn.BatchNorm2d(mid * 4)
        self.short = shortcut(cin, mid * 4, stride)

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        y = F.relu(self.b2(self.c2(y)))
        return F.relu(self.b3(self.c3(y)) + self.short(x))


class ResNet50(nn.Module):
    def __init__(self, classes=1000, width=64, depths=(3, 4, 6, 3)):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        layers, cin = [], width
        for stage, n in enumerate(depths):
            mid = width << stage
            for i in range(n):
                layers.append(Bottleneck(cin, mid, 2 if i == 0 and stage > 0 else 1))
                cin = mid * 4
        self.body, self.head = nn.Sequential(*layers), nn.Linear(cin, classes)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


def conv_norm(cin, cout, stride=1):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU())


class Detector(nn.Module):
    STRIDES = (8, 16, 32)

    def __init__(self, classes=3, width=24):
        super().__init__()
        neck = 8 * ((3 * width + 7) // 8)
        self.stem = nn.Sequential(conv_norm(3, width, 2), conv_norm(width, 2 * width, 2))
        self.stage3 = nn.Sequential(BasicBlock(2 * width, 4 * width, 2), BasicBlock(4 * width, 4 * width, 1))
        self.stage4 = nn.Sequential(BasicBlock(4 * width, 8 * width, 2), BasicBlock(8 * width, 8 * width, 1))
        self.stage5 = nn.Sequential(BasicBlock(8 * width, 8 * width, 2))
        self.lateral = nn.ModuleList(nn.Conv2d(cin, neck, 1) for cin in (4 * width, 8 * width, 8 * width))
        self.smooth = nn.ModuleList(conv_norm(neck, neck) for _ in self.STRIDES)
        self.scores, self.sides = (nn.ModuleList(nn.Sequential(conv_norm(neck, neck), conv_norm(neck, neck), nn.Conv2d(neck, out, 3, padding=1))
                                                 for _ in self.STRIDES) for out in (classes, 4))

    def forward(self, x):
        third = self.stage3(self.stem(x))
        fourth = self.stage4(third)
        top = self.lateral[2](self.stage5(fourth))
        middle = self.lateral[1](fourth) + F.interpolate(top, scale_factor=2)
        low = self.lateral[0](third) + F.interpolate(middle, scale_factor=2)
        levels = []
        for k, features in enumerate(self.smooth[k](t) for k, t in enumerate((low, middle, top))):
            distances = self.sides[k](features).clamp(max=5).exp() * (2 * self.STRIDES[k])
            levels.append(torch.cat([self.scores[k](features), distances], 1).flatten(2).transpose(1, 2))
        return torch.cat(levels, 1)

    @classmethod
    def points(cls, height, width):
        return torch.tensor([[(x + 0.5) * s, (y + 0.5) * s] for s in cls.STRIDES for y in range(height // s) for x in range(width // s)])


def detection_loss(out, label, box, points):
    """Quality focal loss and twice the GIoU loss (cairn/models/detector.h)."""
    classes = out.shape[2] - 4
    logits, sides = out[..., :classes], out[..., classes:]
    boxes = torch.cat([points - sides[..., :2], points + sides[..., 2:]], 2)
    here = (label < classes).float()

    def area(b):
        return (b[..., 2:] - b[..., :2]).clamp(min=0).prod(2)

    def overlap(a, b):
        shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(2)
        both = area(a) + area(b) - shared
        return shared / both.clamp(min=1e-7), both
    quality = F.one_hot(label, classes + 1)[..., :classes] * overlap(boxes.detach(), box)[0].unsqueeze(2)
    focal = (quality - logits.sigmoid()).square() * F.binary_cross_entropy_with_logits(logits, quality, reduction="none")
    iou, both = overlap(boxes, box)
    around = (torch.maximum(boxes[..., 2:], box[..., 2:]) - torch.minimum(boxes[..., :2], box[..., :2])).prod(2)
    giou = 1 - iou + (around - both) / around.clamp(min=1e-7)
    return (focal.sum() + 2 * (giou * here).sum()) / here.sum().clamp(min=1)


class VideoNet(nn.Module):
    def __init__(self, classes=10, channels=3, width=32):
        super().__init__()
        self.blocks, cin = nn.ModuleList(), channels
        for i in range(4):
            cout = width << i
            self.blocks.append(nn.Sequential(nn.Conv3d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm3d(cout), nn.ReLU(), nn.MaxPool3d(2)))
            cin = cout
        self.head = nn.Linear(8 * width, classes)

    def forward(self, x):
        for b in self.blocks:
            x = b(x)
        return self.head(x.mean((2, 3, 4)))


class UNet(nn.Module):
    def __init__(self, channels=3, width=32):
        super().__init__()
        pair = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(),
                                          nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
        widths = [width << i for i in range(4)]
        self.down = nn.ModuleList(pair(i, o) for i, o in zip([channels] + widths[:-1], widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[:-1])
        self.join = nn.ModuleList(pair(2 * w, w) for w in widths[:-1])
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        skips = []
        for level in self.down:
            x = level(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        for k in reversed(range(3)):
            x = self.join[k](torch.cat([self.up[k](x), skips[k]], 1))
        return self.head(x)


# ---------------------------------------------------------------- recurrence
class LstmLm(nn.Module):
    def __init__(self, vocab=10000, dim=512, layers=2):
        super().__init__()
        self.emb, self.rnn, self.head = nn.Embedding(vocab, dim), nn.LSTM(dim, dim, layers, batch_first=True), nn.Linear(dim, vocab)

    def forward(self, x):
        return self.head(self.rnn(self.emb(x))[0])


class GruForecast(nn.Module):
    def __init__(self, features=7, dim=128, layers=2, horizon=24):
        super().__init__()
        self.rnn, self.head, self.shape = nn.GRU(features, dim, layers, batch_first=True), nn.Linear(dim, features * horizon), (horizon, features)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1]).view(-1, *self.shape)


class BiLstmCtc(nn.Module):
    def __init__(self, mel=80, dim=256, layers=3, labels=29):
        super().__init__()
        self.rnn, self.head = nn.LSTM(mel, dim, layers, bidirectional=True), nn.Linear(2 * dim, labels)

    def forward(self, x):  # T, N, mel
        return self.head(self.rnn(x)[0]).log_softmax(-1)


# ---------------------------------------------------------------- adversarial
class Generator32(nn.Module):
    def __init__(self, z=128, f=64):
        super().__init__()
        self.net = nn.Sequential(
            nn.ConvTranspose2d(z, f * 4, 4, 1, 0, bias=False), nn.BatchNorm2d(f * 4), nn.ReLU(),
            nn.ConvTranspose2d(f * 4, f * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(f * 2), nn.ReLU(),
            nn.ConvTranspose2d(f * 2, f, 4, 2, 1, bias=False), nn.BatchNorm2d(f), nn.ReLU(),
            nn.ConvTranspose2d(f, 3, 4, 2, 1), nn.Tanh())

    def forward(self, z):
        return self.net(z[:, :, None, None])


class Discriminator32(nn.Module):
    def __init__(self, f=64, norm=True):
        super().__init__()
        bn = (lambda c: [nn.BatchNorm2d(c)]) if norm else (lambda c: [])
        self.net = nn.Sequential(
            nn.Conv2d(3, f, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(f, f * 2, 4, 2, 1, bias=not norm), *bn(f * 2), nn.LeakyReLU(0.2),
            nn.Conv2d(f * 2, f * 4, 4, 2, 1, bias=not norm), *bn(f * 4), nn.LeakyReLU(0.2),
            nn.Conv2d(f * 4, 1, 4, 1, 0))

    def forward(self, x):
        return self.net(x).flatten()


# ---------------------------------------------------------------- attention
class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.h, self.q, self.kv, self.o = heads, nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)

    def forward(self, x, mem=None, causal=False):
        n, t, d = x.shape
        split = lambda y: y.view(n, -1, self.h, d // self.h).transpose(1, 2)
        q = split(self.q(x))
        k, v = (split(y) for y in self.kv(x if mem is None else mem).chunk(2, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal and t > 1)
        return self.o(y.transpose(1, 2).reshape(n, t, d))


class Block(nn.Module):
    def __init__(self, dim, heads, ff, cross=False):
        super().__init__()
        self.n1, self.a1 = nn.LayerNorm(dim), Attention(dim, heads)
        self.nx, self.ax = (nn.LayerNorm(dim), Attention(dim, heads)) if cross else (None, None)
        self.n2, self.f1, self.f2 = nn.LayerNorm(dim), nn.Linear(dim, ff), nn.Linear(ff, dim)

    def forward(self, x, mem=None, causal=False):
        x = x + self.a1(self.n1(x), causal=causal)
        if self.ax is not None:
            x = x + self.ax(self.nx(x), mem)
        return x + self.f2(F.gelu(self.f1(self.n2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, vocab, dim, heads, layers, ctx):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(ctx, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, 4 * dim) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, vocab, bias=False)

    def forward(self, x):
        h = self.tok(x) + self.pos(torch.arange(x.shape[1]))
        for b in self.blocks:
            h = b(h, causal=True)
        return self.head(self.norm(h))


class Seq2Seq(nn.Module):
    def __init__(self, vocab=8000, dim=256, heads=8, ff=1024, layers=3, ctx=64):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(ctx, dim)
        self.enc = nn.ModuleList(Block(dim, heads, ff) for _ in range(layers))
        self.dec = nn.ModuleList(Block(dim, heads, ff, cross=True) for _ in range(layers))
        self.ne, self.nd = nn.LayerNorm(dim), nn.LayerNorm(dim)

    def embed(self, x):
        return self.tok(x) + self.pos(torch.arange(x.shape[1]))

    def forward(self, src, tgt):
        m = self.embed(src)
        for b in self.enc:
            m = b(m)
        m, h = self.ne(m), self.embed(tgt)
        for b in self.dec:
            h = b(h, m, causal=True)
        return F.linear(self.nd(h), self.tok.weight)


class QaEncoder(nn.Module):
    def __init__(self, vocab=16000, dim=256, heads=4, layers=4, ctx=256):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocab, dim), nn.Embedding(ctx, dim)
        self.blocks = nn.ModuleList(Block(dim, heads, 4 * dim) for _ in range(layers))
        self.norm, self.span = nn.LayerNorm(dim), nn.Linear(dim, 2)

    def forward(self, x):
        h = self.tok(x) + self.pos(torch.arange(x.shape[1]))
        for b in self.blocks:
            h = b(h)
        return self.span(self.norm(h))


class PatchForecaster(nn.Module):
    """cairn/models/forecast.h with the model "patch", in training: no feature besides the series themselves, no dropout."""

    def __init__(self, series=7, context=512, horizon=96, patch=16, dim=64, heads=4, layers=2, levels=9):
        super().__init__()
        count = context // patch
        self.patch = patch
        self.register_buffer("linear", torch.zeros(horizon, context))
        self.register_buffer("level", torch.arange(1, levels + 1) / (levels + 1), persistent=False)
        self.offsets = nn.Parameter(torch.zeros(horizon, series, levels))
        self.embed, self.which = nn.Linear(patch, dim), nn.Parameter(torch.zeros(series, 1, dim))
        self.place = nn.Parameter(torch.randn(count, dim) * 0.02)
        self.blocks = nn.ModuleList(Block(dim, heads, 2 * dim) for _ in range(layers))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(count * dim, horizon)
        nn.init.zeros_(self.head.weight), nn.init.zeros_(self.head.bias)

    def forward(self, x):  # [N, context, series] -> what comes [N, horizon, series], the unit of each window [N, 1, series]
        n, _, series = x.shape
        last, unit = x[:, -1:], (x.var(1, unbiased=False, keepdim=True) + 1e-4).sqrt()
        before, scale = (x - last).transpose(1, 2), unit.transpose(1, 2)
        cut = (before / scale).reshape(n, series, -1, self.patch)
        h = (self.embed(cut) + self.which).flatten(0, 1) + self.place
        for b in self.blocks:
            h = b(h)
        by = self.head(self.norm(h).flatten(1)).view(n, series, -1) * scale
        return last + (before @ self.linear.T + by).transpose(1, 2), unit

    def loss(self, out, y):
        point, unit = out
        over = y.unsqueeze(3) - (point.detach().unsqueeze(3) + unit.unsqueeze(3) * self.offsets)
        return F.mse_loss(point, y) + 2 * torch.maximum(self.level * over, (self.level - 1) * over).mean()


# ---------------------------------------------------------------- music
CLASSES = 12
BEAT, NARROWNESS = 4, 8


def octaves(pitches):
    """From the middle of so many pitches."""
    return (torch.arange(pitches) - (pitches - 1) / 2) / CLASSES


class RollGenerator(nn.Module):
    def __init__(self, voices=4, steps=32, pitches=48, width=96, z=64):
        super().__init__()
        self.shape = (voices, pitches, steps)
        self.add_module("in", nn.Linear(z, 2 * width * (steps >> 3)))
        up = lambda i: [nn.ConvTranspose1d(i, width, 4, 2, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
        self.net = nn.Sequential(nn.BatchNorm1d(2 * width), nn.ReLU(), *up(2 * width), *up(width), *up(width),
                                 nn.Conv1d(width, voices * (pitches + 1), 3, padding=1))

    def forward(self, z):  # [N, z] -> [N, voices, steps, pitches], hard forward and soft backward
        voices, pitches, steps = self.shape
        begun = getattr(self, "in")(z).view(len(z), -1, steps >> 3)
        out = self.net(begun)
        each = out[:, :voices * pitches].reshape(len(z), voices, pitches, steps).transpose(2, 3)
        heights = out[:, voices * pitches:].reshape(len(z), voices, steps // BEAT, BEAT).mean(3)
        far = octaves(pitches - 1) - heights.repeat_interleave(BEAT, 2)[..., None]
        soft = (each + F.pad(far ** 2 * -NARROWNESS, (1, 0))).softmax(-1)
        hard = F.one_hot(soft.argmax(-1), pitches).float()
        return soft + (hard - soft).detach()


class RollDiscriminator(nn.Module):
    def __init__(self, voices=4, steps=32, pitches=48, width=96):
        super().__init__()
        down = lambda i: [nn.Conv1d(i, width, 5, 2, 2), nn.LeakyReLU(0.2)]
        self.net = nn.Sequential(*down(voices * (pitches + 4) + CLASSES), *down(width), *down(width),
                                 nn.Conv1d(width, 1, (steps + 7) >> 3))

    def forward(self, x):  # [N, voices, steps, pitches] -> [N]
        n, voices, steps, pitches = x.shape
        held = F.pad((x[:, :, 1:] * x[:, :, :-1]).sum(3), (1, 0))
        sounding = F.pad(x.sum(1)[:, :, 1:], (0, -(pitches - 1) % CLASSES))
        classes = sounding.view(n, steps, -1, CLASSES).sum(2).transpose(1, 2)
        heights = (x[..., 1:] * octaves(pitches - 1)).sum(3)
        moves = F.pad(heights[:, :, 1:] - heights[:, :, :-1], (1, 0))
        each = x.transpose(2, 3).reshape(n, voices * pitches, steps)
        return self.net(torch.cat([each, held, classes, heights, moves, moves.abs()], 1)).flatten()


def critic_loss(critic, real, fake, eps, weight=10):
    """Wasserstein with the penalty of Gulrajani et al. 2017; a gradient of a gradient."""
    mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
    slope, = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)
    return critic(fake).mean() - critic(real).mean() + weight * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
