#!/usr/bin/env python3
"""Writes what PyTorch gives at the edges of functions to tests/ops/data/edges.safetensors.

Zero, tiny and huge numbers, infinity, NaN, bounds, all equal, all ignored: for each function its inputs, its
value, its gradients, and the gradients of a weighted sum of those. tests/ops/edges_test.cpp walks the same names.
Needs torch (2.15 wrote the file that is there) and safetensors.
"""

import os
import sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

inf, nan = float("inf"), float("nan")
out, cases = {}, {}


def place_of(x):
    """Many functions share their inputs: each is kept once."""
    x = x.contiguous()
    same = lambda a: a.dtype == x.dtype and a.shape == x.shape and a.numpy().tobytes() == x.numpy().tobytes()
    for k in range(1000):
        old = out.setdefault(f"input.{k}", x)
        if old is x or same(old):
            return k


def weights(like, first):
    """0.5 to 1.5 by place: the test computes the same."""
    k = torch.arange(like.numel(), dtype=torch.float32) + first
    return (0.5 + 0.125 * (k % 9)).reshape(like.shape)


def case(name, f, *inputs, fixed=(), second=True):
    """Gradients by the inputs that are floats and not among the places of `fixed`."""
    assert f"{name}.out" not in out, name
    inputs = [x.clone() for x in inputs]
    leaves = [
        x.requires_grad_()
        for i, x in enumerate(inputs)
        if x.is_floating_point() and i not in fixed
    ]
    y = f(*inputs)
    places = (f"{place_of(x.detach())}{'' if any(x is l for l in leaves) else '*'}" for x in inputs)
    cases[name] = " ".join(places)  # * has no gradient
    out[f"{name}.out"] = y.detach()
    if not y.requires_grad:
        return
    slopes = torch.autograd.grad(
        (y * weights(y, 0)).sum(), leaves, create_graph=second, allow_unused=True, materialize_grads=True
    )
    total = 0
    for i, g in enumerate(slopes):
        out[f"{name}.first.{i}"] = g.detach()
        if second and g.requires_grad:
            total = total + (g * weights(g, 1 + i)).sum()
    if not second or not torch.is_tensor(total):
        return
    try:
        curves = torch.autograd.grad(total, leaves, allow_unused=True)
    except RuntimeError as e:  # PyTorch has no second derivative of some
        if "not implemented" not in str(e):
            raise
        return
    for i, (g, x) in enumerate(zip(curves, leaves)):
        out[f"{name}.second.{i}"] = torch.zeros_like(x) if g is None else g.detach()


tiny, lowest = torch.finfo(torch.float32).tiny, torch.finfo(torch.float32).min
sizes = (tiny, 1e-20, 1e-3, 0.5, 1, 2, 3, 6, 10, 16, 17, 20.5, 88, 89, 104, 1e10, 1e30, inf)
edges = torch.tensor([0.0, -0.0] + [s * v for v in sizes for s in (1, -1)] + [nan])
few = torch.tensor([0, 1e-20, -1e-20, 0.5, 1, -1, 2, -16, 89, -89, 1e30, -1e30, inf, -inf, nan])
pairs = torch.cartesian_prod(few, few).unbind(1)
pairs = [p.contiguous() for p in pairs]

for name in (
    "neg abs sign square sqrt rsqrt reciprocal exp exp2 expm1 log log1p log2 log10 sin cos tan asin acos atan sinh "
    "cosh tanh asinh acosh atanh erf erfc erfinv floor ceil round trunc"
).split():
    case(name, getattr(torch, name), edges)
for name in (
    "relu leaky_relu elu selu celu softplus softsign sigmoid silu mish gelu hardtanh relu6 "
    "hardsigmoid hardswish hardshrink softshrink tanhshrink"
).split():
    case(name, getattr(F, name), edges)
case("log_sigmoid", F.logsigmoid, edges)
case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), edges)
case("elu_half", lambda x: F.elu(x, 0.5), edges)
case("celu_half", lambda x: F.celu(x, 0.5), edges)
case("softplus_steep", lambda x: F.softplus(x, 2, 30), edges)
case("threshold", lambda x: F.threshold(x, 1, 7), edges)
case("clamp", lambda x: x.clamp(-1, 2), edges)
case("clamp_min", lambda x: x.clamp_min(1), edges)
case("clamp_max", lambda x: x.clamp_max(1), edges)
for p in (0, 0.5, 1, 2, 3, -1, -0.5, 2.5):
    case(f"pow_{p}", lambda x: x.pow(p), edges)
case("prelu", F.prelu, edges[2:], torch.tensor([0.25]))
# At 0 PyTorch's second gradient is not the derivative of its first.
case("prelu_at_0", F.prelu, edges[:4], torch.tensor([0.25]), second=False)
for name in (
    "add sub mul div pow maximum minimum fmod remainder atan2 logaddexp"
).split():
    case(name, getattr(torch, name), *pairs)
for w in (0, 0.25, 1):
    case(f"lerp_{w}", lambda a, b: torch.lerp(a, b, w), *pairs)
for name in "eq ne lt le gt ge".split():
    case(name, getattr(torch, name), *pairs)

# Rows that are reduced, normalised or measured along their last axis.
rows = torch.tensor(
    [
        [1, -2, 3, 0.5],
        [5, 5, 5, 5],
        [0, 0, 0, 0],
        [tiny, -tiny, tiny, tiny],
        [1e-20, 2e-20, 0, -1e-20],
        [16, -16, 16, 16],
        [89, 88, -89, 89],
        [100, 0, -100, 100],
        [1e18, -1e18, 2e18, 0],
        [1e30, -1e30, 1e30, 1],
        [1e38, 1e38, 1, 0],
        [inf, 1, 2, 3],
        [-inf, 1, 2, 3],
        [inf, inf, 0, 0],
        [inf, -inf, 0, 1],
        [-inf, -inf, -inf, -inf],
        [inf, inf, inf, inf],
        [nan, 1, 2, 3],
        [3, nan, 1, 2],
        [nan, inf, 0, 1],
        [nan, nan, nan, nan],
        [0, 1, 2, 3],
        [0, 0, 2, 3],
    ]
)
along = dict(
    sum=lambda x: x.sum(1),
    mean=lambda x: x.mean(1),
    var=lambda x: x.var(1),
    stddev=lambda x: x.std(1),
    norm=lambda x: x.norm(dim=1),
    amax=lambda x: x.amax(1),
    amin=lambda x: x.amin(1),
    prod=lambda x: x.prod(1),
    logsumexp=lambda x: x.logsumexp(1),
    median=lambda x: x.median(1).values,
    cumsum=lambda x: x.cumsum(1),
    cumprod=lambda x: x.cumprod(1),
    softmax=lambda x: x.softmax(1),
    log_softmax=lambda x: x.log_softmax(1),
    softmin=lambda x: F.softmin(x, 1),
    glu=lambda x: F.glu(x, 1),
    normalize_1=lambda x: F.normalize(x, 1, 1),
    normalize_2=lambda x: F.normalize(x, 2, 1),
    normalize_3=lambda x: F.normalize(x, 3, 1),
    normalize_inf=lambda x: F.normalize(x, inf, 1),
    layer_norm=lambda x: F.layer_norm(x, (4,)),
    rms_norm=lambda x: F.rms_norm(x, (4,), eps=1e-6),
    group_norm=lambda x: F.group_norm(x.reshape(-1, 2, 2), 1),
    instance_norm=lambda x: F.instance_norm(x.reshape(1, -1, 4)),
    batch_norm=lambda x: F.batch_norm(x.t().reshape(4, -1), None, None, training=True),
)
for name, f in along.items():
    case(name, f, rows)
case("argmax", lambda x: x.argmax(1), rows)
case("argmin", lambda x: x.argmin(1), rows)
for name in "sum mean prod amax".split():
    case(f"{name}_all", getattr(torch, name), rows[0])
for name in ("sum", "prod", "any", "all"):
    case(f"{name}_of_bool", getattr(torch, name), torch.tensor([True, False, True]))
case("logsumexp_of_bool", lambda x: x.logsumexp(0), torch.tensor([True, False, True]))
other = torch.cat([rows[1:], rows[:1]])
for p in (1, 2, 3, inf):
    case(f"pairwise_distance_{p}", lambda a, b: F.pairwise_distance(a, b, p), rows, other)
case("pairwise_distance_equal", lambda a, b: F.pairwise_distance(a, b, eps=0), rows[:3], rows[:3])
case("cosine_similarity", lambda a, b: F.cosine_similarity(a, b, 1), rows, other)
case("cosine_similarity_equal", lambda a, b: F.cosine_similarity(a, b, 1), rows, rows)

# Losses.
for t in (0, 0.25, 1):
    case(f"binary_cross_entropy_with_logits_{t}",
         lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
         edges, torch.full_like(edges, t), fixed=(1,))
chances = torch.tensor([0, tiny, 1e-20, 1e-7, 0.25, 0.5, 1 - 2**-24, 1])
for t in (0, 0.25, 1):
    case(f"binary_cross_entropy_{t}", lambda x, y: F.binary_cross_entropy(x, y, reduction="none"),
         chances, torch.full_like(chances, t), fixed=(1,))
none = dict(reduction="none")
on_pairs = dict(
    mse_loss=lambda x, t: F.mse_loss(x, t, **none),
    l1_loss=lambda x, t: F.l1_loss(x, t, **none),
    huber_loss=lambda x, t: F.huber_loss(x, t, delta=0.5, **none),
    smooth_l1_loss=lambda x, t: F.smooth_l1_loss(x, t, beta=0.5, **none),
    soft_margin_loss=lambda x, t: F.soft_margin_loss(x, t, **none),
    poisson_nll_loss=lambda x, t: F.poisson_nll_loss(x, t, **none),
)
for name, f in on_pairs.items():
    case(name, f, *pairs, fixed=(1,))
steps = torch.tensor([-2, -1, -0.5, 0, 0.5, 1, 2.0])
case("huber_loss_kinks", lambda x: F.huber_loss(x, torch.zeros_like(x), **none), steps)
case("smooth_l1_loss_kinks", lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), **none), steps)
above = [p[pairs[1] >= 0].contiguous() for p in pairs]
case("kl_div", lambda x, t: F.kl_div(x, t, **none), *above, fixed=(1,))
case("kl_div_of_logarithms", lambda x, t: F.kl_div(x, t, log_target=True, **none), *pairs, fixed=(1,))
case("hinge_embedding_loss", lambda x, t: F.hinge_embedding_loss(x, t, **none),
     torch.cat([edges, edges]), torch.cat([torch.ones_like(edges), -torch.ones_like(edges)]), fixed=(1,))
case("margin_ranking_loss", lambda a, b, t: F.margin_ranking_loss(a, b, t, margin=0.5, **none),
     *pairs, torch.where(torch.arange(len(pairs[0])) % 2 == 0, 1.0, -1.0), fixed=(2,))
spread = torch.tensor([0, 1e-20, 1e-6, 0.5, 1, 89, 1e30, inf, nan])
grid = [p.contiguous() for p in torch.cartesian_prod(few, spread).unbind(1)]
case("gaussian_nll_loss", lambda x, v: F.gaussian_nll_loss(x, torch.ones_like(x), v, **none), *grid)
some = torch.tensor([[1, 2, 3], [3, 2, 1], [0, 0, 0], [1, 1, 1.0]])
turned = torch.cat([some[1:], some[:1]])
signs = torch.tensor([1, -1, 1, -1.0])
case("cosine_embedding_loss", lambda a, b, t: F.cosine_embedding_loss(a, b, t, margin=0.1, **none),
     some, turned, signs, fixed=(2,))
case("cosine_embedding_loss_equal", lambda a, b, t: F.cosine_embedding_loss(a, b, t, **none),
     some, some, signs, fixed=(2,))
for p in (1, 2, inf):
    case(f"triplet_margin_loss_{p}", lambda a, b, c: F.triplet_margin_loss(a, b, c, p=p, **none),
         some, turned, some.flip(0))
targets = torch.arange(len(rows)) % 4
for reduction in ("none", "mean", "sum"):
    for smoothing in (0, 0.25):
        case(f"cross_entropy_{reduction}_{smoothing}",
             lambda x, t: F.cross_entropy(x, t, reduction=reduction, label_smoothing=smoothing),
             rows if reduction == "none" else rows[:8], targets if reduction == "none" else targets[:8])
    case(f"nll_loss_{reduction}", lambda x, t: F.nll_loss(x, t, reduction=reduction),
         rows if reduction == "none" else rows[:8], targets if reduction == "none" else targets[:8])
    ignored = torch.full((8,), -100)
    case(f"cross_entropy_ignored_{reduction}", lambda x, t: F.cross_entropy(x, t, reduction=reduction), rows[:8], ignored)
    case(f"nll_loss_ignored_{reduction}", lambda x, t: F.nll_loss(x, t, reduction=reduction), rows[:8], ignored)
    case(f"cross_entropy_weightless_{reduction}",
         lambda x, t, w: F.cross_entropy(x, t, w, reduction=reduction, label_smoothing=0.25 if reduction == "sum" else 0),
         rows[:8], torch.full((8,), 1), torch.tensor([1.0, 0, 2, 1]), fixed=(2,))

# Attention whose mask is a number instead of infinity; a row that sees nothing.
torch.manual_seed(0)
q, k, v = (torch.randn(1, 1, n, 4) for n in (3, 5, 5))
for name, low in (("lowest", lowest), ("infinite", -inf), ("large", -1e30)):
    mask = torch.zeros(1, 1, 3, 5)
    mask[..., 0, 2:] = low
    mask[..., 1, :] = low
    case(f"attention_{name}", lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), q, k, v, mask,
         fixed=(3,) if low == -inf else (0, 1, 2, 3), second=False)  # PyTorch's own gradients take low + log(5) for low

# Functions of a few numbers, where the edge is the form and not the number.
torch.manual_seed(1)
pair, cube = torch.randn(4, 3), torch.randn(2, 3, 4)
chance = torch.rand(4, 3).softmax(1)
case("cross_entropy_of_chances", lambda x, t: F.cross_entropy(x, t), pair, chance)
case("cross_entropy_of_chances_smooth", lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=0.2),
     cube, torch.rand(2, 3, 4), torch.tensor([0.5, 1, 2]), fixed=(2,))
case("einsum_dots", lambda a, b: torch.einsum("...ij,...jk->...ik", a, b), cube, torch.randn(4, 5))
case("einsum_dots_broadcast", lambda a, b: torch.einsum("i...,i...->...", a, b), cube, torch.randn(2, 1, 4))
case("einsum_dots_implicit", lambda a, b: torch.einsum("b...a,ac", a, b), cube, torch.randn(4, 5))
logs = torch.randn(6, 2, 4).log_softmax(2)
case("ctc_concatenated", lambda x, t, i, l: F.ctc_loss(x.log_softmax(2), t, i, l), logs,  # its gradient is that of what is normalised
     torch.tensor([1, 2, 2, 3, 1]),
     torch.tensor([6, 5]), torch.tensor([2, 3]), second=False)
case("max_along", lambda x: x.max(1).values, rows)
case("min_place", lambda x: x.min(1).indices, rows)
for p in (0, 0.5, 3, inf, -inf):
    case(f"vector_norm_{p}", lambda x: torch.linalg.vector_norm(x, p, (0, 2)), cube)
case("nan_to_num", lambda x: x.nan_to_num(1, 2, 3), edges)
case("nansum", lambda x: x.nansum(1), rows[17:])
case("nanmean", lambda x: x.nanmean(1), rows[17:])
case("isclose", lambda a, b: torch.isclose(a, b), *pairs)
case("xlogy", torch.xlogy, *pairs)
case("hypot", torch.hypot, *pairs)
case("copysign", torch.copysign, torch.tensor([1, -2, 0.5, 3]), torch.tensor([-0.0, 0, -1, inf]), fixed=(1,))
case("sinc", torch.sinc, torch.tensor([0, 0.25, -1.5, 1, 3]))
case("diff", lambda x: x.diff(n=2), cube)
case("outer", torch.outer, pair[0], cube[0, 0])
case("diag", torch.diag, pair[0])
case("diagonal_above", lambda x: x.diagonal(1, -2, -1), cube)
case("diagonal_below", lambda x: x.diagonal(-1, -2, -1), cube)
case("trace", torch.trace, pair)
case("repeat_interleave", lambda x: x.repeat_interleave(3, 1), cube)
case("index_put", lambda x, i, j, v: x.index_put((i, j), v), cube, torch.tensor([0, 1, -1]), torch.tensor([0, 2, 0]), torch.randn(3, 4))
case("index_put_added", lambda x, i, v: x.index_put((i,), v, True), pair, torch.tensor([[0, 1], [0, 0]]), torch.randn(2, 1, 3))
case("index_fill", lambda x, i: x.index_fill(1, i, 7), cube, torch.tensor([2, 0]))
case("index_copy", lambda x, i, s: x.index_copy(1, i, s), cube, torch.tensor([2, 0]), torch.randn(2, 2, 4))
places = torch.tensor([[0, 1, 0], [3, 0, 0]])
for reduce in ("sum", "mean"):
    for own in (True, False):
        case(f"scatter_reduce_{reduce}_{int(own)}", lambda x, i, s: x.scatter_reduce(0, i, s, reduce, include_self=own),
             pair, places, torch.randn(2, 3))
row = torch.tensor([-1, 0, 0, 2.5])
case("searchsorted", torch.searchsorted, row, torch.tensor([[-2, -1, 0], [1, 2.5, 9]]), fixed=(0, 1))
case("searchsorted_right", lambda s, v: torch.searchsorted(s, v, right=True), cube.sort(2).values, torch.randn(2, 3, 5), fixed=(0, 1))
case("bincount", lambda x: x.bincount(minlength=6), torch.tensor([0, 2, 2, 4]))
case("bincount_weighted", lambda x, w: x.bincount(w, 6), torch.tensor([0, 2, 2, 4]), torch.tensor([1, 0.5, 2, 3]), fixed=(1,))
case("linspace", lambda: torch.linspace(-1, 2, 7))
case("meshgrid_xy", lambda a, b: torch.meshgrid(a, b, indexing="xy")[0] * 2, pair[0], pair[1])
theta = torch.tensor([[[1.2, 0.3, 0.1], [-0.2, 0.9, -0.4]]])
for corners in (True, False):
    case(f"affine_grid_{int(corners)}", lambda t: F.affine_grid(t, (1, 1, 3, 4), align_corners=corners), theta)
    for mode in ("bilinear", "nearest"):
        for padding in ("zeros", "border", "reflection"):
            case(f"grid_sample_{mode}_{padding}_{int(corners)}",
                 lambda x, g: F.grid_sample(x, g, mode=mode, padding_mode=padding, align_corners=corners),
                 torch.randn(1, 2, 3, 4), torch.randn(1, 3, 2, 2) * 1.3, second=False)
case("nonzero", torch.nonzero, torch.tensor([[0, 1.5, nan], [0, 0, -2]]), fixed=(0,))
case("masked_select", torch.masked_select, cube, torch.tensor([[True], [False], [True]]))
case("unique", torch.unique, torch.tensor([3, 1, 3, -1, 1, 0]))

# Options of losses.
torch.manual_seed(2)
logits, hard = torch.randn(4, 3) * 3, torch.tensor([[1, 0, 1], [0, 0.25, 1], [1, 1, 0], [0, 0, 0.0]])
logits[0, 0], logits[1, 0] = 120, -120
each, classes = torch.rand(4, 3) + 0.5, torch.tensor([0.5, 1, 3])
BCE = F.binary_cross_entropy_with_logits
for reduction in ("none", "mean", "sum"):
    r = dict(reduction=reduction)
    case(f"bce_pos_weight_{reduction}", lambda x, t, w: BCE(x, t, pos_weight=w, **r), logits, hard, classes, fixed=(1, 2))
    case(f"bce_weights_{reduction}", lambda x, t, w, p: BCE(x, t, w, pos_weight=p, **r), logits, hard, each, classes, fixed=(1, 2, 3))
    case(f"bce_of_chances_weight_{reduction}", lambda x, t, w: F.binary_cross_entropy(x, t, w, **r), logits.clamp(-4, 4).sigmoid(), hard, classes, fixed=(1, 2))
    case(f"mse_loss_weight_{reduction}", lambda x, t, w: F.mse_loss(x, t, weight=w, **r), logits, hard, each)
    case(f"l1_loss_weight_{reduction}", lambda x, t, w: F.l1_loss(x, t, weight=w, **r), logits, hard, each)
    case(f"huber_loss_weight_{reduction}", lambda x, t, w: F.huber_loss(x, t, delta=0.5, weight=w, **r), logits, hard, each)
    case(f"triplet_swap_{reduction}", lambda a, b, c: F.triplet_margin_loss(a, b, c, margin=2, swap=True, **r), logits.clamp(-4, 4), each, classes - each)
    case(f"multilabel_soft_margin_loss_{reduction}", lambda x, t, w: F.multilabel_soft_margin_loss(x, t, w, **r), logits, hard, classes, fixed=(1, 2))
    for p in (1, 2):
        case(f"multi_margin_loss_{p}_{reduction}", lambda x, t, w: F.multi_margin_loss(x, t, p, 1.5, w, **r), logits, torch.tensor([2, 0, 1, 1]), classes, fixed=(2,), second=False)
chances = torch.rand(4, 3).softmax(1)
case("kl_div_batchmean", lambda x, t: F.kl_div(x, t, reduction="batchmean"), logits.log_softmax(1), chances)
case("kl_div_batchmean_log", lambda x, t: F.kl_div(x, t, reduction="batchmean", log_target=True), logits.log_softmax(1), chances.log())
for full in (False, True):
    for log_input in (False, True):
        case(f"poisson_{int(full)}{int(log_input)}", lambda x, t: F.poisson_nll_loss(x, t, log_input, full), each, torch.tensor([[0, 1, 2], [3, 0.5, 8], [1, 4, 1], [2, 2, 2.0]]), fixed=(1,))
case("gaussian_full", lambda x, t, v: F.gaussian_nll_loss(x, t, v, full=True), logits, hard, each)
column, line = torch.randn(4, 1), torch.randn(1, 3)
case("mse_loss_broadcast", F.mse_loss, column, line)
case("huber_loss_broadcast", F.huber_loss, column, line)
case("smooth_l1_loss_broadcast", F.smooth_l1_loss, column, line)
case("kl_div_broadcast", F.kl_div, logits, chances[:1])
case("triplet_broadcast", lambda a, b, c: F.triplet_margin_loss(a, b, c), some, turned[:1], some.flip(0))
case("margin_ranking_broadcast", lambda a, b, t: F.margin_ranking_loss(a, b, t), column, line, signs[:, None], fixed=(2,))

# Options of pools and resizing.
torch.manual_seed(3)
long, wide, deep = torch.randn(2, 3, 11), torch.randn(2, 3, 8, 7), torch.randn(1, 2, 6, 5, 7)
for dims, x in ((1, long), (2, wide), (3, deep)):
    high, mean = getattr(F, f"max_pool{dims}d"), getattr(F, f"avg_pool{dims}d")
    for k, s, p, d, ceil in ((2, 2, 0, 1, True), (3, 2, 1, 1, True), (2, 1, 0, 2, False), (3, 2, 1, 2, True), (2, 3, 1, 1, True)):
        case(f"max_pool{dims}_{k}{s}{p}{d}{int(ceil)}", lambda x: high(x, k, s, p, d, ceil), x)
    for k, s, p, ceil, count in ((2, 2, 0, True, True), (3, 2, 1, True, True), (3, 2, 1, True, False), (3, 2, 1, False, False), (2, 3, 1, True, True)):
        case(f"avg_pool{dims}_{k}{s}{p}{int(ceil)}{int(count)}", lambda x: mean(x, k, s, p, ceil, count), x)
    if dims > 1:
        case(f"avg_pool{dims}_divisor", lambda x: mean(x, 3, 2, 1, True, True, 5), x)
    case(f"max_pool{dims}_places", lambda x: high(x, 3, 2, 1, return_indices=True)[1], x, fixed=(0,))
    places = high(x, 2, 2, return_indices=True)[1]
    case(f"max_unpool{dims}", lambda v, i: getattr(F, f"max_unpool{dims}d")(v, i, 2, 2, output_size=x.shape[2:]), torch.randn(places.shape), places)
case("lp_pool_ceil", lambda x: F.lp_pool2d(x, 3, 3, 2, True), wide.abs() + 0.1)
big = torch.randn(1, 2, 9, 13)
for mode in ("bilinear", "bicubic"):
    for corners in (False, True):
        for size in ((4, 5), (3, 20), (20, 4), (1, 1)):
            case(f"antialias_{mode}_{int(corners)}_{size[0]}x{size[1]}",
                 lambda x: F.interpolate(x, size, mode=mode, align_corners=corners, antialias=True), big, second=False)
    case(f"antialias_{mode}_scale", lambda x: F.interpolate(x, scale_factor=(0.4, 0.7), mode=mode, antialias=True), big, second=False)

# Running extremes and sums, and what meets at an index.
case("logcumsumexp", lambda x: x.logcumsumexp(1), torch.cat([rows[:10], rows[17:20], rows[21:]]), second=False)
case("logcumsumexp_numbers", lambda x: x.logcumsumexp(1), rows[:8])
case("cummax", lambda x: x.cummax(1).values, rows)
case("cummin", lambda x: x.cummin(1).values, rows)
case("cummax_places", lambda x: x.cummax(1).indices, rows, fixed=(0,))
case("cummin_places", lambda x: x.cummin(1).indices, rows, fixed=(0,))
places = torch.tensor([[0, 1, 0], [3, 0, 0], [0, 1, 2]])
source = torch.tensor([[0.5, 0, 2], [-1, 0, 2], [3, 4, 0]])
into = torch.tensor([[0.5, 2, -1], [1, 0, 1], [3, 1, 1], [0, 0, 2.0]])
for reduce in ("prod", "amax", "amin"):
    for own in (True, False):
        case(f"scatter_reduce_{reduce}_{int(own)}", lambda x, i, s: x.scatter_reduce(0, i, s, reduce, include_self=own), into if own else into + 0.25, places, source, second=reduce == "prod")
case("unique_inverse", lambda x: torch.unique(x, return_inverse=True)[1], torch.tensor([[3, 1, 3], [-1, 1, 0]]))
case("unique_counts", lambda x: torch.unique(x, return_counts=True)[1], torch.tensor([[3, 1, 3], [-1, 1, 0]]))
case("local_response_norm", lambda x: F.local_response_norm(x, 3, 0.1, 0.75, 2), torch.randn(2, 5, 3))
case("local_response_norm_even", lambda x: F.local_response_norm(x, 4, 0.1), torch.randn(2, 5, 2, 2))
case("bilinear", F.bilinear, torch.randn(3, 2), torch.randn(3, 4), torch.randn(5, 2, 4), torch.randn(5))
case("channel_shuffle", lambda x: F.channel_shuffle(x, 2), torch.randn(1, 6, 2))
case("rms_norm_over", lambda x, w: F.rms_norm(x, (3, 4), w, 1e-5), cube, torch.rand(3, 4))
case("instance_norm_running", lambda x, m, v, w, b: F.instance_norm(x, m, v, w, b, use_input_stats=False), cube, torch.randn(3), torch.rand(3) + 0.5, torch.rand(3), torch.randn(3), fixed=(1, 2))
case("conv_transpose_wide_padding", lambda x, w: F.conv_transpose2d(x, w, None, (2, 1), 1, (3, 2), 1, (4, 3)), torch.randn(1, 2, 3, 4), torch.randn(2, 3, 2, 3))
for p in (0.5, -1):
    case(f"normalize_{p}", lambda x: F.normalize(x, p, 1), rows[21:22] + 0.5)
number = torch.tensor(3.0)
case("sum_of_a_number", lambda x: x.sum(0), number)
case("var_of_a_number", lambda x: x.var(0, correction=0), number)
case("amax_of_a_number", lambda x: x.amax(-1), number)
case("prelu_of_a_number", F.prelu, -number, torch.tensor([0.25]))
bounds = torch.tensor([-1.0, -1, -1, 0, 5]), torch.tensor([1.0, 2, 0.5, 0.125, 4])
case("clamp_by_tensors", lambda x, a, b: x.clamp(a, b), torch.tensor([[-2.0, -1, 0.5, 0.25, 3], [1, 2, 0.25, -1, 6]]), *bounds)
case("clamp_low_by_tensor", lambda x, a: x.clamp(min=a), torch.tensor([[-2.0, -1, 0.5, 0, 3], [1, 2, 0.25, -1, 6]]), bounds[0])
case("lerp_by_tensor", torch.lerp, bounds[0], bounds[1], torch.tensor([0, 0.25, 0.5, 0.75, 1]))
for p in (1, 3, inf):
    case(f"cdist_{p}", lambda a, b: torch.cdist(a, b, p), torch.randn(2, 3, 4), torch.randn(2, 2, 4), second=False)
case("std_mean", lambda x: torch.std_mean(x, 1)[0], cube)

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "ops", "data")
path = os.path.join(sys.argv[1] if len(sys.argv) > 1 else folder, "edges.safetensors")
save_file({k: t.clone(memory_format=torch.contiguous_format) for k, t in out.items()}, path, metadata=cases)
print(f"{path}: {len(out)} tensors, {os.path.getsize(path)} bytes")
