#!/usr/bin/env python3
"""Writes what PyTorch does in five training steps of small variants of the benchmark's workloads.

    python3 tools/dump_steps.py [tests/train/data]

One safetensors file a workload: "in.*" inputs, "start.*" weights at first (bf16: rounded before the run),
"one.*" weights after the first step (only the four proof models), "five.*" after five, "losses" [5].
resnet50 is the forward pass of a trained-looking network instead: "in.x", "start.*", "out".
tests/models/steps_test.cpp loads them and does the same steps.  Needs torch and safetensors.
"""
import os
import sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch_models import *

WORK = {}
PROOF = ("lenet", "lstm_lm", "wgan_gp32", "gpt_mini")


def workload(f):
    WORK[f.__name__] = f
    return f


def supervised(model, inputs, loss, opt):
    def step():
        opt.zero_grad(set_to_none=True)
        l = loss()
        l.backward()
        opt.step()
        return l
    return dict(nets={"": model}, inputs=inputs, step=step)


adamw = lambda m: torch.optim.AdamW(m.parameters(), lr=1e-3)
sgd = lambda m: torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
adam = lambda m: torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999))
rnd = lambda *shape: torch.randn(*shape).bfloat16().float()


def classifier(model, x, opt):
    y = torch.randint(10, (len(x),))
    return supervised(model, dict(x=x, y=y), lambda: F.cross_entropy(model(x), y), opt(model))


@workload
def lenet():
    return classifier(start(LeNet(width=3, hidden=8)), rnd(4, 1, 28, 28), adamw)


@workload
def resnet18_cifar():
    return classifier(start(ResNet18Cifar(width=1)), rnd(4, 3, 16, 16), sgd)


@workload
def video3d():
    return classifier(start(VideoNet(width=1)), rnd(1, 3, 16, 16, 16), sgd)


@workload
def unet():
    m, x, y = start(UNet(width=1)), rnd(2, 3, 16, 16), (torch.rand(2, 1, 16, 16) < 0.3).float()

    def dice():
        p = m(x).sigmoid()
        return 1 - ((2 * (p * y).sum((1, 2, 3)) + 1) / ((p + y).sum((1, 2, 3)) + 1)).mean()
    return supervised(m, dict(x=x, y=y), dice, sgd(m))


@workload
def detector():
    m, points = start(Detector(classes=2, width=1)), Detector.points(64, 32)
    label = torch.where(torch.rand(2, len(points)) < 0.3, torch.randint(2, (2, len(points))), 2)
    corner = torch.randint(40, (2, len(points), 2)).float()
    box = torch.cat([corner, corner + torch.randint(1, 24, corner.shape).float()], 2)
    x = rnd(2, 3, 64, 32)
    return supervised(m, dict(x=x, label=label, box=box), lambda: detection_loss(m(x), label, box, points), torch.optim.SGD(m.parameters(), lr=5e-4))


@workload
def lstm_lm():
    m, x = start(LstmLm(40, 12)), torch.randint(40, (3, 10))
    return supervised(m, dict(x=x), lambda: F.cross_entropy(m(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten()), adamw(m))


@workload
def gru_forecast():
    m, x, y = start(GruForecast(3, 8, horizon=4)), rnd(3, 12, 3), rnd(3, 4, 3)
    return supervised(m, dict(x=x, y=y), lambda: F.mse_loss(m(x), y), adamw(m))


@workload
def bilstm_ctc():
    m, x, y = start(BiLstmCtc(6, 6, 3, 7)), rnd(14, 3, 6), torch.randint(1, 7, (3, 4))
    t, n = torch.full((3,), 14), torch.full((3,), 4)
    return supervised(m, dict(x=x, y=y), lambda: F.ctc_loss(m(x), y, t, n), adamw(m))


@workload
def dcgan32():
    g, d = start(Generator32(6, 2)), start(Discriminator32(3))
    og, od = adam(g), adam(d)
    real, z = (torch.rand(3, 3, 32, 32) * 2 - 1).bfloat16().float(), rnd(3, 6)
    bce = F.binary_cross_entropy_with_logits

    def step():
        od.zero_grad(set_to_none=True)
        fake = g(z)
        ld = bce(d(real), torch.ones(3)) + bce(d(fake.detach()), torch.zeros(3))
        ld.backward()
        od.step()
        og.zero_grad(set_to_none=True)
        bce(d(fake), torch.ones(3)).backward()
        og.step()
        return ld
    return dict(nets={"g.": g, "d.": d}, inputs=dict(real=real, z=z), step=step)


@workload
def wgan_gp32():
    g, d = start(Generator32(6, 2)), start(Discriminator32(3, norm=False))
    od = adam(d)
    real, z, eps = (torch.rand(2, 3, 32, 32) * 2 - 1).bfloat16().float(), rnd(2, 6), torch.rand(2, 1, 1, 1)

    def step():
        od.zero_grad(set_to_none=True)
        with torch.no_grad():
            fake = g(z)
        mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
        grad, = torch.autograd.grad(d(mix).sum(), mix, create_graph=True)
        gp = ((grad.flatten(1).norm(dim=1) - 1) ** 2).mean()
        l = d(fake).mean() - d(real).mean() + 10 * gp
        l.backward()
        od.step()
        return l
    return dict(nets={"g.": g, "d.": d}, trained=("d.",), inputs=dict(real=real, z=z, eps=eps), step=step)


@workload
def patch_forecast():
    m, x, y = PatchForecaster(series=2, context=16, horizon=4, patch=4, dim=8, heads=2, layers=2), rnd(3, 16, 2), rnd(3, 4, 2)
    for p in (m.linear, m.head.weight, m.head.bias, m.which, m.offsets):
        p.data = torch.randn_like(p).bfloat16().float() / 4
    start(m)
    return supervised(m, dict(x=x, y=y), lambda: m.loss(m(x), y), adamw(m))


@workload
def music_gan():
    torch.manual_seed(2)  # one of which no gradient is 0 but for its rounding: Adam would make a step of that
    size = dict(voices=2, steps=16, pitches=14, width=4)
    g, d = start(RollGenerator(z=6, **size)), start(RollDiscriminator(**size))
    og, od = (torch.optim.Adam(m.parameters(), lr=5e-4, betas=(0.0, 0.9)) for m in (g, d))
    real, z, eps = F.one_hot(torch.randint(14, (3, 2, 16)), 14).float(), rnd(3, 6), torch.rand(3, 1, 1, 1)

    def step():
        fake = g(z)
        od.zero_grad(set_to_none=True)
        ld = critic_loss(d, real, fake.detach(), eps)
        ld.backward()
        od.step()
        og.zero_grad(set_to_none=True)
        (-d(fake).mean()).backward()
        og.step()
        return ld
    return dict(nets={"g.": g, "d.": d}, inputs=dict(real=real, z=z, eps=eps), step=step)


@workload
def gpt_mini():
    m, x = start(Gpt(20, 8, 2, 2, 16)), torch.randint(20, (2, 17))
    return supervised(m, dict(x=x), lambda: F.cross_entropy(m(x[:, :-1]).flatten(0, 1), x[:, 1:].flatten()), adamw(m))


@workload
def seq2seq():
    m, x, y = start(Seq2Seq(30, 8, 2, 16, 2, 12)), torch.randint(30, (3, 7)), torch.randint(30, (3, 9))
    return supervised(m, dict(x=x, y=y), lambda: F.cross_entropy(m(x, y[:, :-1]).flatten(0, 1), y[:, 1:].flatten()), adamw(m))


@workload
def bert_qa():
    m, x, y = start(QaEncoder(30, 8, 2, 2, 12)), torch.randint(30, (3, 12)), torch.randint(12, (2, 3))
    loss = lambda s: F.cross_entropy(s[..., 0], y[0]) + F.cross_entropy(s[..., 1], y[1])
    return supervised(m, dict(x=x, y=y), lambda: loss(m(x)), adamw(m))


@torch.no_grad()
def start(model):
    """Weights that bf16 holds exactly."""
    for p in model.parameters():
        p.copy_(p.bfloat16().float())
    return model.train()


def weights(nets, prefix):
    return {prefix + "." + net + name: t.detach().clone().contiguous()
            for net, m in nets.items() for name, t in m.state_dict().items()}


def dump_forward(folder):
    torch.manual_seed(0)
    m, x = start(ResNet50(width=1, classes=5, depths=(1, 2, 1, 1))), rnd(2, 3, 32, 32)
    for name, b in m.named_buffers():
        if "running" in name:
            b.copy_(torch.rand(b.shape).add(0.5).bfloat16().float())
    out = {k: t.bfloat16() if t.is_floating_point() else t for k, t in weights({"": m}, "start").items()}
    with torch.inference_mode():
        save_file(out | {"in.x": x.bfloat16(), "out": m.eval()(x).clone()}, os.path.join(folder, "resnet50.safetensors"))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "tests", "train", "data")
    os.makedirs(folder, exist_ok=True)
    torch.set_num_threads(2)
    for name, make in WORK.items():
        torch.manual_seed(0)
        w = make()
        out = {"in." + k: t.int() if t.dtype == torch.int64 else t if k == "eps" else t.bfloat16() for k, t in w["inputs"].items()}
        out |= {k: t.bfloat16() if t.is_floating_point() else t for k, t in weights(w["nets"], "start").items()}
        trained = {k: m for k, m in w["nets"].items() if k in w.get("trained", w["nets"])}
        losses = []
        for i in range(5):
            losses.append(w["step"]().detach())
            if i == 0 and name in PROOF:
                out |= weights(trained, "one")
        out |= weights(trained, "five")
        out["losses"] = torch.stack(losses)
        path = os.path.join(folder, name + ".safetensors")
        save_file(out, path)
        print(f"{name}: {os.path.getsize(path)} bytes, losses {[round(float(l), 6) for l in losses]}")
    dump_forward(folder)


if __name__ == "__main__":
    main()
