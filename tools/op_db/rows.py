"""Which of PyTorch's functions Cairn has, and how a sample of one becomes a call (compare_op_db.py)."""

import math

import torch


class Elsewhere(Exception):
    """The sample asks for what Cairn has under another name, or not at all; says which."""


class Call:
    def __init__(self, function, tensors, **options):
        for t in tensors:
            if t is not None and not torch.is_tensor(t):
                raise Elsewhere(f"a {type(t).__name__} for a tensor")
            if t is not None and t.layout != torch.strided:
                raise Elsewhere("sparse tensors")
        self.function, self.tensors = function, list(tensors)
        self.options = {k: plain(v) for k, v in options.items() if v is not None}


def plain(v):
    """As JSON has it; Cairn reads flags as 0 and 1, infinity as text."""
    if isinstance(v, bool):
        return int(v)
    if isinstance(v, float) and not math.isfinite(v):
        return str(v)
    if isinstance(v, torch.Size):
        return list(v)
    if isinstance(v, (tuple, list)):
        return [plain(e) for e in v]
    if torch.is_tensor(v):
        raise Elsewhere("a tensor for a number")
    return v


class Row:
    """floor: what a number that is nothing may be, where it is left of large ones that cancel."""

    def __init__(self, make, results=None, gradients=2, tolerance=1, floor=0, traced=True, symmetric=False, floats=False):
        self.make, self.results, self.gradients = make, results, gradients
        self.tolerance, self.floor, self.traced = tolerance, floor, traced
        self.floats = floats  # of integers PyTorch gives something else: they wrap, or keep their dtype
        self.symmetric = symmetric  # the samples are made so: Cairn and PyTorch read other halves


ROWS = {}


def find(name, variant):
    return ROWS.get(f"{name}|{variant}") or ROWS.get(name)


def complex_only(name):
    """Functions whose first argument is complex in Cairn: pairs."""
    return name in COMPLEX


COMPLEX = {"fft.fft", "fft.ifft", "fft.fftn", "fft.ifftn", "fft.fft2", "fft.ifft2", "fft.irfft", "fft.irfftn",
           "fft.irfft2", "fft.hfft", "istft", "imag", "real"}


def row(*names, **options):
    def keep(make):
        for name in names:
            ROWS[name] = Row(make, **options)
        return make
    return keep


def ints(v, count=1):
    return list(v) if isinstance(v, (tuple, list, torch.Size)) else [v] * count


def no(**given):
    """Options that Cairn has not."""
    for name, v in given.items():
        if v is not None and v is not False:
            raise Elsewhere(f"option {name}")


def number_like(x, v):
    if isinstance(v, complex):
        raise Elsewhere("complex numbers")
    if x.dtype == torch.bool and not isinstance(v, bool) or not x.is_floating_point() and isinstance(v, float):
        raise Elsewhere("a number of a wider kind than the tensor")
    return torch.tensor(v, dtype=x.dtype)


def operands(x, y):
    if torch.is_tensor(x) and torch.is_tensor(y):
        return x, y
    return (x, number_like(x, y)) if torch.is_tensor(x) else (number_like(y, x), y)


# Elementwise.
for theirs in """abs acos acosh asin asinh atan atanh ceil cos cosh erf erfc erfinv exp exp2 expm1 floor isfinite isinf isnan log
        log10 log1p log2 logical_not neg reciprocal rsqrt sigmoid sign sin sinh sqrt square tan tanh trunc contiguous""".split():
    row(theirs)(lambda x, *, f=theirs, **rest: (no(**rest), Call(f, [x]))[1])
row("sinc", floor=1e-6)(lambda x: Call("sinc", [x]))
row("square", floats=True)(lambda x: Call("square", [x]))
for theirs in "relu relu6 selu silu mish softsign hardsigmoid hardswish tanhshrink".split():
    row(f"nn.functional.{theirs}")(lambda x, inplace=False, f=theirs: Call(f, [x]))
row("nn.functional.logsigmoid")(lambda x: Call("log_sigmoid", [x]))
for theirs in """div|no_rounding_mode true_divide maximum minimum fmod remainder atan2 logaddexp eq ne lt le gt ge logical_and logical_or
        logical_xor xlogy hypot copysign max|binary min|binary""".split():
    name = {"true_divide": "div", "max|binary": "maximum", "min|binary": "minimum"}.get(theirs, theirs.split("|")[0])
    row(theirs)(lambda x, y, *, f=name, **rest: (no(**rest), Call(f, operands(x, y)))[1])


@row("round")
def _(x, decimals=0):
    if decimals:
        raise Elsewhere("round to decimals")
    return Call("round", [x])


def scaled(sign):
    def make(x, y, alpha=1):
        if isinstance(alpha, complex):
            raise Elsewhere("complex numbers")
        x, y = operands(x, y)
        if alpha != 1 and not x.is_floating_point() and (x.dtype == torch.bool or isinstance(alpha, float)):
            raise Elsewhere("a number of a wider kind than the tensor")
        if alpha != 1 or (sign < 0 and alpha != 1):
            return Call("add_scaled", [x, y], alpha=sign * alpha)
        return Call("add" if sign > 0 else "sub", [x, y])
    return make


row("add")(scaled(1))
row("sub")(scaled(-1))
row("mul")(lambda x, y: Call("mul", operands(x, y)))
row("rsub")(lambda x, y, alpha=1: Call("add_scaled", [operands(x, y)[1], x], alpha=-alpha) if alpha != 1 else Call("sub", operands(x, y)[::-1]))
for theirs in "__radd__ __rmul__ __rsub__ __rdiv__".split():
    row(theirs)(lambda x, y, f={"a": "add", "m": "mul", "s": "sub", "d": "div"}[theirs[3]]: Call(f, operands(x, y)[::-1]))


@row("pow")
def _(x, y):
    if torch.is_tensor(x) and torch.is_tensor(y):
        return Call("pow", [x, y])
    if isinstance(x, complex) or isinstance(y, complex):
        raise Elsewhere("complex numbers")
    return Call("pow_number", [x], value=y) if torch.is_tensor(x) else Call("number_pow", [y], value=x)


row("__rpow__")(lambda x, y: Call("number_pow", [x], value=y))
row("float_power")(lambda x, y: (_ for _ in ()).throw(Elsewhere("results in f64")))


@row("clamp")
def _(x, low=None, high=None, **k):
    low, high = k.get("min", low), k.get("max", high)
    if torch.is_tensor(low) or torch.is_tensor(high):
        return Call("clamp_tensors", [x, low, high])
    return Call("clamp", [x], low=low, high=high)


row("clamp_min")(lambda x, low: Call("clamp_tensors", [x, low, None]) if torch.is_tensor(low) else Call("clamp", [x], low=low))
row("clamp_max")(lambda x, high: Call("clamp_tensors", [x, None, high]) if torch.is_tensor(high) else Call("clamp", [x], high=high))
row("lerp")(lambda x, y, w: Call("lerp", [x, y, w]) if torch.is_tensor(w) else Call("lerp", [x, y], weight=w))
# The table's function is lambda(condition, a, b) given (a, condition, b).
row("where")(lambda a, c, b: Call("where", [c, *operands(a, b)]))


@row("masked_fill")
def _(x, mask, value):
    if torch.is_tensor(value):
        return Call("where", [mask, value, x])
    return Call("masked_fill", [x, mask], value=value)


DTYPES = {torch.float32: "f32", torch.float64: "f64", torch.bfloat16: "bf16", torch.float16: "f16", torch.int32: "i32",
          torch.int64: "i64", torch.uint8: "u8", torch.int8: "i8", torch.bool: "bool"}
for theirs, to in dict(bfloat16="bf16", half="f16", float="f32", double="f64", int="i32", long="i64", byte="u8", char="i8", bool="bool").items():
    row(theirs)(lambda x, to=to, **rest: Call("cast", [x], dtype=to))


def cast_to(x, dtype):
    """x where no dtype is asked for."""
    if dtype is not None and (dtype != x.dtype or not x.is_floating_point()):
        raise Elsewhere("option dtype: cast() before")


@row("nan_to_num")
def _(x, nan=0.0, posinf=None, neginf=None, **k):
    limits = torch.finfo(x.dtype) if x.is_floating_point() else None
    if limits is None:
        raise Elsewhere("nan_to_num of integers")
    return Call("nan_to_num", [x], nan=k.get("nan", nan) or 0.0, posinf=limits.max if posinf is None else posinf,
                neginf=limits.min if neginf is None else neginf)


row("isclose")(lambda x, y, rtol=1e-5, atol=1e-8, equal_nan=False: Call("isclose", [x, y], rtol=rtol, atol=atol, nan=equal_nan))
row("allclose", traced=False, results=lambda out, call: torch.tensor(out))(
    lambda x, y, rtol=1e-5, atol=1e-8, equal_nan=False: Call("allclose", [x, y], rtol=rtol, atol=atol, nan=equal_nan))
row("equal", traced=False, results=lambda out, call: torch.tensor(out))(lambda x, y: Call("equal", [x, y]))

F = "nn.functional."
row(F + "leaky_relu")(lambda x, negative_slope=0.01, inplace=False: Call("leaky_relu", [x], slope=negative_slope))
row(F + "elu")(lambda x, alpha=1.0, inplace=False: Call("elu", [x], alpha=alpha))
row(F + "celu")(lambda x, alpha=1.0, inplace=False: Call("celu", [x], alpha=alpha))
row(F + "softplus")(lambda x, beta=1, threshold=20: Call("softplus", [x], beta=beta, threshold=threshold))
row(F + "gelu")(lambda x, approximate="none": Call("gelu", [x], approximate=approximate))
row(F + "hardtanh")(lambda x, min_val=-1.0, max_val=1.0, inplace=False: Call("hardtanh", [x], low=min_val, high=max_val))
row(F + "hardshrink")(lambda x, lambd=0.5: Call("hardshrink", [x], lambd=lambd))
row(F + "softshrink")(lambda x, lambd=0.5: Call("softshrink", [x], lambd=lambd))
row(F + "threshold")(lambda x, threshold, value, inplace=False: Call("threshold", [x], limit=threshold, value=value))
row(F + "prelu")(lambda x, weight: Call("prelu", [x, weight]))
row(F + "glu")(lambda x, dim=-1: Call("glu", [x], axis=dim))


# Reductions.
def axes(dim):
    return None if dim is None else ints(dim)


for theirs in "sum mean amax amin prod any all nansum nanmean logsumexp".split():
    def make(x, dim=None, keepdim=False, dtype=None, f=theirs):
        cast_to(x, dtype)
        if f in ("any", "all") and x.dtype == torch.uint8:
            raise Elsewhere("any and all of bytes are bytes in PyTorch")
        return Call(f, [x], axes=axes(dim), keepdim=keepdim)
    row(theirs)(make)
for theirs in "max min".split():
    row(f"{theirs}|reduction_no_dim")(lambda x, f="a" + theirs: Call(f, [x]))
    row(f"{theirs}|reduction_with_dim")(lambda x, dim, keepdim=False, f=theirs: Call(f, [x], axis=dim, keepdim=keepdim))


def spread(f):
    def make(x, dim=None, unbiased=None, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        c = correction if correction is not None else 1 if unbiased is None else int(unbiased)
        return Call(f, [x], axes=axes(dim), correction=c, keepdim=keepdim)
    return make


for theirs in "var std var_mean std_mean".split():
    row(theirs)(spread(theirs))


@row("linalg.vector_norm")
def _(x, ord=2, dim=None, keepdim=False, dtype=None):
    cast_to(x, dtype)
    return Call("vector_norm", [x], p=ord, axes=axes(dim), keepdim=keepdim)


for theirs in "cumsum cumprod logcumsumexp".split():
    row(theirs)(lambda x, dim, dtype=None, f=theirs: (cast_to(x, dtype), Call(f, [x], axis=dim))[1])
for theirs, ours in {"softmax": "softmax", "log_softmax": "log_softmax", F + "softmin": "softmin"}.items():
    row(theirs)(lambda x, dim, dtype=None, f=ours, **k: (cast_to(x, dtype), Call(f, [x], axis=dim))[1])
for theirs in "argmax argmin".split():
    def make(x, dim=None, keepdim=False, f=theirs):
        if dim is None:
            raise Elsewhere(f"{f} of all axes: flatten() before")
        return Call(f, [x], axis=dim, keepdim=keepdim)
    row(theirs)(make)
row("cummax")(lambda x, dim: Call("cummax", [x], axis=dim))
row("cummin")(lambda x, dim: Call("cummin", [x], axis=dim))


@row("median")
def _(x, dim=None, keepdim=False):
    if dim is None:
        raise Elsewhere("median of all axes: flatten() before")
    return Call("median", [x], axis=dim, keepdim=keepdim)


# Equal elements may have another order than PyTorch's, except in stable sorts: values only.
@row("sort", results=lambda out, call: out[0])
def _(x, dim=-1, descending=False, stable=False):
    return Call("sort", [x], axis=dim, descending=descending)


row("argsort", results=lambda out, call: call.tensors[0].gather(call.options["axis"], out) if out.dim() else out)(lambda x, dim=-1, descending=False, stable=False: Call("argsort", [x], axis=dim, descending=descending))
row("topk", results=lambda out, call: out[0])(lambda x, k, dim=-1, largest=True, sorted=True: Call("topk", [x], k=k, axis=dim, largest=largest))
row("kthvalue", results=lambda out, call: out[0])(lambda *a, **k: (_ for _ in ()).throw(Elsewhere("kthvalue: sort() and select()")))


@row("searchsorted")
def _(sequence, values, out_int32=False, right=False, side=None, sorter=None):
    no(out_int32=out_int32)
    if sorter is not None:
        raise Elsewhere("option sorter: gather() before")
    return Call("searchsorted", [sequence, values if torch.is_tensor(values) else number_like(sequence, values)], right=right or side == "right")


@row("bucketize")
def _(x, boundaries, out_int32=False, right=False):
    no(out_int32=out_int32)
    return Call("bucketize", [x if torch.is_tensor(x) else number_like(boundaries, x), boundaries], right=right)


row("bincount")(lambda x, weights=None, minlength=0: no(integers_as_weights=weights is not None and not weights.is_floating_point()) or Call("bincount", [x, weights], classes=max(int(x.max()) + 1 if x.numel() else 0, minlength)))


def unique_results(out, call):
    parts = list(out) if isinstance(out, tuple) else [out]
    return parts[:1]  # the others where they are asked for: tests/ops/edges


@row("unique", traced=False, results=unique_results, gradients=0)
def _(x, sorted=True, return_inverse=False, return_counts=False, dim=None):
    if dim is not None:
        raise Elsewhere("unique rows")
    return Call("unique", [x])


row("nonzero", traced=False, gradients=0)(lambda x, as_tuple=False: (no(as_tuple=as_tuple), Call("nonzero", [x]))[1])


@row("masked_select", traced=False)
def _(x, mask):
    if torch.broadcast_shapes(x.shape, mask.shape) != x.shape:
        raise Elsewhere("masked_select: a mask larger than x")
    return Call("masked_select", [x, mask])


# Shapes.
def shape_of(args, k, name="shape"):
    s = k.get(name, args)
    return list(s[0]) if len(s) == 1 and isinstance(s[0], (tuple, list, torch.Size)) else list(s)


row("reshape", "view")(lambda x, *s, **k: Call("reshape", [x], shape=shape_of(s, k)))
row("reshape_as", "view_as")(lambda x, y: Call("reshape", [x], shape=list(y.shape)))
row("flatten")(lambda x, start_dim=0, end_dim=-1: Call("flatten", [x], start=start_dim, end=end_dim))
row("ravel")(lambda x: Call("flatten", [x], start=0, end=-1))
row("permute")(lambda x, *d, **k: Call("permute", [x], axes=shape_of(d, k, "dims")))
row("transpose")(lambda x, a, b: Call("transpose", [x], a=a, b=b))
row("t")(lambda x: Call("transpose", [x], a=0, b=1) if x.dim() == 2 else Call("contiguous", [x]))
row("mT")(lambda x: Call("transpose", [x], a=-1, b=-2))
row("expand", "broadcast_to")(lambda x, *s, **k: Call("expand", [x], shape=shape_of(s, k)))
row("expand_as")(lambda x, y: Call("expand", [x], shape=list(y.shape)))


@row("squeeze")
def _(x, dim=None):
    if dim is None:
        dim = [d for d, n in enumerate(x.shape) if n == 1]
    return Call("squeeze", [x], axes=ints(dim))


row("unsqueeze")(lambda x, d: Call("unsqueeze", [x], axis=d))


@row("narrow")
def _(x, dim, start, length):
    size = x.shape[dim]
    start = int(start)
    return Call("slice", [x], axis=dim, start=start + size if start < 0 else start, length=length)


row("select")(lambda x, dim, i: Call("select", [x], axis=dim, index=i))


@row("split", "split|list_args", "split_with_sizes")
def _(x, s, dim=0):
    n = x.shape[dim]
    return Call("split", [x], sizes=list(s) if isinstance(s, (list, tuple)) else [min(s, n - i) for i in range(0, n, s)], axis=dim)


row("chunk")(lambda x, n, dim=0: Call("chunk", [x], count=n, axis=dim))


@row("unbind")
def _(x, dim=0):
    raise Elsewhere("unbind: select()")


row("cat")(lambda xs, dim=0, **k: Call("cat", xs, axis=dim))
row("stack")(lambda xs, dim=0, **k: Call("stack", xs, axis=dim))
row("flip")(lambda x, *d, **k: Call("flip", [x], axes=shape_of(d, k, "dims")))
row("roll")(lambda x, shifts, dims=None: Call("roll", [x], shifts=ints(shifts), axes=ints(dims) if dims not in (None, ()) else []))
row("repeat", "tile")(lambda x, *t, **k: Call("repeat", [x], times=[1] * max(0, x.dim() - len(shape_of(t, k, "dims"))) + shape_of(t, k, "dims")))
row("tril")(lambda x, diagonal=0: Call("tril", [x], diagonal=diagonal))
row("triu")(lambda x, diagonal=0: Call("triu", [x], diagonal=diagonal))


@row("diag")
def _(x, diagonal=0):
    if diagonal:
        raise Elsewhere("diag of another diagonal: diagonal()")
    return Call("diag", [x])


@row("diagonal", "linalg.diagonal")
def _(x, offset=0, dim1=None, dim2=None):
    default = (x.dim() - 2, x.dim() - 1)
    dims = (0 if dim1 is None else dim1 % x.dim(), 1 if dim2 is None else dim2 % x.dim())
    if dims != default:
        raise Elsewhere("diagonal of other axes than the last two: transpose() before")
    return Call("diagonal", [x], offset=offset)


row("trace")(lambda x: Call("trace", [x]))


@row("diff")
def _(x, n=1, dim=-1, prepend=None, append=None):
    no(prepend=prepend is not None, append=append is not None)
    return Call("diff", [x], n=n, axis=dim)


row("outer")(lambda x, y: Call("outer", [x, y]))
for mode in ("constant", "reflect", "replicate", "replicate_negative", "circular"):
    row(f"{F}pad|{mode}")(lambda x, pad, mode="constant", value=None: Call("pad", [x], pads=list(pad), mode=mode, value=value))
row("constant_pad_nd")(lambda x, pad, value=0: Call("pad", [x], pads=list(pad), value=value))
row("meshgrid|variadic_tensors")(lambda *x, indexing="ij": Call("meshgrid", x, indexing=indexing))
row("meshgrid|list_of_tensors")(lambda xs, indexing="ij": Call("meshgrid", xs, indexing=indexing))
row("sum_to_size", floats=True)(lambda x, *s: Call("sum_to", [x], shape=shape_of(s, {})))
row("gather")(lambda x, d, i, sparse_grad=False: Call("gather", [x, i], axis=d))


@row("take_along_dim")
def _(x, i, d=None):
    if d is None or any(a != b for k, (a, b) in enumerate(zip(x.shape, i.shape)) if k != d % x.dim()):
        raise Elsewhere("take_along_dim of flat places or with broadcasting: gather()")
    return Call("gather", [x, i], axis=d)




@row("scatter")
def _(x, d, i, src, reduce=None):
    if reduce is not None:
        raise Elsewhere("scatter with reduce: scatter_reduce()")
    return Call("scatter", [x, i, src], axis=d) if torch.is_tensor(src) else Call("scatter_number", [x, i], axis=d, value=src)


row("scatter_add")(lambda x, d, i, src: Call("scatter_add", [x, i, src], axis=d))
for r in "sum mean prod amax amin".split():
    row(f"scatter_reduce|{r}", floats=r == "mean")(lambda x, d, i, src, r, include_self=True, **k: Call("scatter_reduce", [x, i, src], axis=d, reduce=r, include_self=include_self))
row("index_select")(lambda x, d, i: Call("index_select", [x, i], axis=d))
row("index_add")(lambda x, d, i, src, alpha=1: Call("index_add", [x, i, src], axis=d, alpha=alpha))


@row("index_fill")
def _(x, d, i, v):
    if torch.is_tensor(v):
        raise Elsewhere("index_fill by a tensor")
    return Call("index_fill", [x, i], axis=d, value=v)


row("index_copy")(lambda x, d, i, src: Call("index_copy", [x, i, src], axis=d))


@row("index_put")
def _(x, indices, values, accumulate=False):
    if any(i.dtype == torch.bool for i in indices):
        raise Elsewhere("index_put by masks: where()")
    return Call("index_put", [x, values, *indices], accumulate=accumulate)


@row("repeat_interleave")
def _(x, repeats, dim=None, output_size=None):
    if torch.is_tensor(repeats):
        raise Elsewhere("repeat_interleave by a tensor")
    if dim is None and x.dim() != 1:
        raise Elsewhere("repeat_interleave of all elements: flatten() before")
    return Call("repeat_interleave", [x], times=repeats, axis=0 if dim is None else dim)


row(F + "one_hot")(lambda x, n=-1, **k: Call("one_hot", [x], classes=k.get("num_classes", n) if k.get("num_classes", n) >= 0 else int(x.max()) + 1))


@row(F + "embedding")
def _(weight, index, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    if padding_idx is not None or max_norm is not None or scale_grad_by_freq:
        raise Elsewhere("options of embedding: nn::Embedding's")
    return Call("embedding", [weight, index])


# Products.
for theirs in "matmul mm bmm mv dot __rmatmul__".split():
    row(theirs)(lambda x, y, flip=theirs[0] == "_", **k: (no(**k), Call("matmul", [y, x] if flip else [x, y]))[1])
for theirs in "addmm addmm|decomposed addbmm baddbmm addmv addr".split():
    if theirs in ("addbmm", "addmv", "addr"):
        continue
    row(theirs)(lambda x, a, b, beta=1, alpha=1: Call("addmm", [x, a, b], beta=number_like(x, beta).item(), alpha=number_like(x, alpha).item()))
row(F + "linear")(lambda x, w, b=None: Call("linear", [x, w, b]))
row(F + "bilinear")(lambda x, y, w, b=None: Call("bilinear", [x, y, w, b]))
row("einsum")(lambda xs, equation: Call("einsum", xs, equation=equation))


# Layers.
def padding_of(padding, x, w, dilation, stride):
    if isinstance(padding, str):
        n = w.dim() - 2
        if padding == "valid":
            return [0]
        d = ints(dilation, n)
        total = [d[i % len(d)] * (w.shape[2 + i] - 1) for i in range(n)]
        return [v for t in total for v in (t // 2, t - t // 2)]
    return ints(padding)


for n in (1, 2, 3):
    def make(x, w, b=None, stride=1, padding=0, dilation=1, groups=1):
        return Call("conv", [x, w, b], stride=ints(stride), padding=padding_of(padding, x, w, dilation, stride), dilation=ints(dilation), groups=groups)
    row(f"{F}conv{n}d")(make)

    def make(x, w, b=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        return Call("conv_transpose", [x, w, b], stride=ints(stride), padding=ints(padding), output_padding=ints(output_padding), groups=groups, dilation=ints(dilation))
    row(f"{F}conv_transpose{n}d")(make)

    def make(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None, n=n):
        if x.dim() != n + 2:
            raise Elsewhere("without a batch")
        return Call("avg_pool", [x], kernel=ints(kernel_size, n), stride=None if stride in (None, ()) else ints(stride), padding=ints(padding),
                    ceil_mode=ceil_mode, count_padding=count_include_pad, divisor=divisor_override)
    row(f"{F}avg_pool{n}d")(make)

    def make(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False, n=n):
        if x.dim() != n + 2:
            raise Elsewhere("without a batch")
        return Call("max_pool", [x], kernel=ints(kernel_size, n), stride=None if stride in (None, ()) else ints(stride), padding=ints(padding),
                    dilation=ints(dilation), ceil_mode=ceil_mode)
    row(f"{F}max_pool{n}d")(make)
    for kind in "avg max".split():
        def make(x, size, return_indices=False, n=n, kind=kind):
            if x.dim() != n + 2:
                raise Elsewhere("without a batch")
            sizes = ints(size, n)
            return Call(f"adaptive_{kind}_pool", [x], size=[x.shape[2 + i] if s is None else s for i, s in enumerate(sizes)])
        row(f"{F}adaptive_{kind}_pool{n}d", results=lambda out, call: out[0] if isinstance(out, tuple) else out)(make)


@row(F + "unfold")
def _(x, kernel_size, dilation=1, padding=0, stride=1):
    return Call("unfold", [x], kernel=ints(kernel_size, 2), dilation=ints(dilation), padding=ints(padding), stride=ints(stride))


row(F + "pixel_shuffle")(lambda x, upscale_factor: Call("pixel_shuffle", [x], factor=upscale_factor))
row(F + "pixel_unshuffle")(lambda x, downscale_factor: Call("pixel_unshuffle", [x], factor=downscale_factor))
row(F + "channel_shuffle")(lambda x, groups: Call("channel_shuffle", [x], groups=groups))
for mode in "area bicubic bilinear linear nearest nearest-exact trilinear".split():
    def make(x, size=None, scale_factor=None, mode=mode, align_corners=None, recompute_scale_factor=None, antialias=False):
        no(recompute_scale_factor=recompute_scale_factor)
        return Call("interpolate", [x], size=None if size is None else ints(size), scale=None if scale_factor is None else [float(s) for s in ints(scale_factor)],
                    mode=mode, align_corners=bool(align_corners), antialias=antialias)
    row(f"{F}interpolate|{mode}")(make)
for theirs, mode in {"upsample_bilinear": "bilinear", "upsample_nearest": "nearest"}.items():
    row(F + theirs)(lambda x, size=None, scale_factor=None, mode=mode: Call("interpolate", [x], size=None if size is None else ints(size),
                    scale=None if scale_factor is None else [float(s) for s in ints(scale_factor)], mode=mode, align_corners=mode == "bilinear"))
row(F + "grid_sample")(lambda x, g, mode="bilinear", padding_mode="zeros", align_corners=False:
                       Call("grid_sample", [x, g], mode=mode, padding=padding_mode, align_corners=bool(align_corners)))


@row(F + "batch_norm", F + "batch_norm|without_cudnn", floor=1e-4)
def _(x, running_mean=None, running_var=None, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training:  # the running values are States, which the function moves: tests/ops
        running_mean = running_var = None
    return Call("batch_norm", [x, running_mean, running_var, weight, bias], training=training, momentum=momentum, eps=eps)


@row(F + "instance_norm")
def _(x, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5):
    if use_input_stats:
        running_mean = running_var = None
    return Call("instance_norm", [x, running_mean, running_var, weight, bias], training=use_input_stats, momentum=momentum, eps=eps)


row(F + "layer_norm", floor=1e-4)(lambda x, shape, weight=None, bias=None, eps=1e-5: Call("layer_norm", [x, weight, bias], shape=list(shape), eps=eps))
row(F + "rms_norm")(lambda x, shape, weight=None, eps=None: Call("rms_norm", [x, weight], shape=list(shape), eps=torch.finfo(x.dtype).eps if eps is None else eps))
row(F + "group_norm", floor=1e-4)(lambda x, groups, weight=None, bias=None, eps=1e-5: Call("group_norm", [x, weight, bias], groups=groups, eps=eps))
row(F + "local_response_norm")(lambda x, size, alpha=1e-4, beta=0.75, k=1.0: Call("local_response_norm", [x], size=size, alpha=alpha, beta=beta, k=k))
row(F + "normalize", floor=1e-5)(lambda x, p=2.0, dim=1, eps=1e-12: Call("normalize", [x], p=p, axis=dim, eps=eps))
row(F + "cosine_similarity")(lambda x, y, dim=1, eps=1e-8: Call("cosine_similarity", [x, y], axis=dim, eps=eps))
row(F + "pairwise_distance", floats=True)(lambda x, y, p=2.0, eps=1e-6, keepdim=False: Call("pairwise_distance", [x, y], p=p, eps=eps, keepdim=keepdim))
row("cdist")(lambda x, y, p=2.0, compute_mode=None: Call("cdist", [x, y], p=p))


@row(F + "scaled_dot_product_attention")
def _(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if dropout_p:
        raise Elsewhere("random numbers")
    if is_causal and q.shape[-2] != k.shape[-2]:
        raise Elsewhere("causal with more keys than queries: the diagonal is at the end")
    return Call("attention", [q, k, v, attn_mask], causal=is_causal, scale=scale)


# Losses.
def reduced(size_average=None, reduce=None, reduction="mean"):
    if size_average is not None or reduce is not None:
        return torch.nn._reduction.legacy_get_string(size_average, reduce, emit_warning=False)
    return reduction


@row(F + "cross_entropy")
def _(x, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0):
    return Call("cross_entropy", [x, target, weight], ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduced(size_average, reduce, reduction))


@row(F + "nll_loss")
def _(x, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    return Call("nll_loss", [x, target, weight], ignore_index=ignore_index, reduction=reduced(size_average, reduce, reduction))


for theirs in "mse_loss l1_loss".split():
    row(F + theirs)(lambda x, t, size_average=None, reduce=None, reduction="mean", weight=None, f=theirs: Call(f, [x, t, weight], reduction=reduced(size_average, reduce, reduction)))
row(F + "huber_loss")(lambda x, t, reduction="mean", delta=1.0, weight=None: Call("huber_loss", [x, t, weight], reduction=reduction, delta=delta))
row(F + "smooth_l1_loss")(lambda x, t, size_average=None, reduce=None, reduction="mean", beta=1.0:
                          Call("smooth_l1_loss", [x, t], reduction=reduced(size_average, reduce, reduction), beta=beta))
row(F + "binary_cross_entropy")(lambda x, t, weight=None, size_average=None, reduce=None, reduction="mean":
                                Call("binary_cross_entropy", [x, t, weight], reduction=reduced(size_average, reduce, reduction)))
row(F + "binary_cross_entropy_with_logits")(lambda x, t, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None:
                                            Call("binary_cross_entropy_with_logits", [x, t, weight, pos_weight], reduction=reduced(size_average, reduce, reduction)))
row(F + "kl_div")(lambda x, t, size_average=None, reduce=None, reduction="mean", log_target=False:
                  Call("kl_div", [x, t], reduction=reduced(size_average, reduce, reduction), log_target=log_target))
row(F + "cosine_embedding_loss", floats=True)(lambda a, b, t, margin=0.0, size_average=None, reduce=None, reduction="mean":
                                 Call("cosine_embedding_loss", [a, b, t], margin=margin, reduction=reduced(size_average, reduce, reduction)))
row(F + "triplet_margin_loss")(lambda a, p_, n, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean":
                               Call("triplet_margin_loss", [a, p_, n], margin=margin, p=p, eps=eps, swap=swap, reduction=reduced(size_average, reduce, reduction)))


@row(F + "triplet_margin_with_distance_loss")
def _(a, p, n, distance_function=None, margin=1.0, swap=False, reduction="mean"):
    if distance_function is not None:
        raise Elsewhere("a distance that is a function")
    return Call("triplet_margin_loss", [a, p, n], margin=margin, swap=swap, reduction=reduction)


row(F + "margin_ranking_loss", floats=True)(lambda a, b, t, margin=0.0, size_average=None, reduce=None, reduction="mean":
                               Call("margin_ranking_loss", [a, b, t], margin=margin, reduction=reduced(size_average, reduce, reduction)))
row(F + "hinge_embedding_loss")(lambda x, t, margin=1.0, size_average=None, reduce=None, reduction="mean":
                                Call("hinge_embedding_loss", [x, t], margin=margin, reduction=reduced(size_average, reduce, reduction)))
row(F + "soft_margin_loss")(lambda x, t, size_average=None, reduce=None, reduction="mean": Call("soft_margin_loss", [x, t], reduction=reduced(size_average, reduce, reduction)))


@row(F + "gaussian_nll_loss")
def _(x, t, var, full=False, eps=1e-6, reduction="mean"):
    return Call("gaussian_nll_loss", [x, t, var if torch.is_tensor(var) else torch.full_like(x, var)], full=full, eps=eps, reduction=reduction)


row(F + "poisson_nll_loss")(lambda x, t, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean":
                            Call("poisson_nll_loss", [x, t], log_input=log_input, full=full, eps=eps, reduction=reduced(size_average, reduce, reduction)))
row(F + "multilabel_soft_margin_loss")(lambda x, t, weight=None, size_average=None, reduce=None, reduction="mean":
                                       Call("multilabel_soft_margin_loss", [x, t, weight], reduction=reduced(size_average, reduce, reduction)))
row(F + "multi_margin_loss")(lambda x, t, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean":
                             Call("multi_margin_loss", [x, t, weight], p=p, margin=margin, reduction=reduced(size_average, reduce, reduction)))


# PyTorch's gradient is that of what log_softmax was given, tests/ctc compares those.
@row(F + "ctc_loss", gradients=0, traced=False)
def _(x, t, il, tl, blank=0, reduction="mean", zero_infinity=False):
    whole = lambda v: v if torch.is_tensor(v) else torch.tensor(v)
    return Call("ctc_loss", [x, t, whole(il), whole(tl)], blank=blank, reduction=reduction, zero_infinity=zero_infinity)


def linear_cross_entropy(x, w, target, bias=None, **k):
    bias = k.pop("linear_bias", bias)
    smoothing, ignored = k.pop("label_smoothing", 0.0), k.pop("ignore_index", -100)
    k.pop("chunking_strategy", None)
    for name, v in k.items():
        if v is not None and v != "mean" and v is not False:
            raise Elsewhere(f"linear_cross_entropy's option {name}")
    return Call("linear_cross_entropy", [x, w, bias, target], ignore_index=ignored, label_smoothing=smoothing)


row(F + "linear_cross_entropy", F + "linear_cross_entropy|chunked", F + "linear_cross_entropy|chunked_none", gradients=1, floor=1e-5)(linear_cross_entropy)


# Linear algebra: PyTorch leaves signs of vectors open, so what does not depend on them is compared.
def projections(v):
    return v.unsqueeze(-2) * v.unsqueeze(-3).conj()


def real_only(x):
    if x.is_complex():
        raise Elsewhere("complex matrices")
    if x.numel() == 0:
        raise Elsewhere("empty matrices")


def matrix(f):
    def make(x, *rest, **k):
        real_only(x)
        for name, v in k.items():
            if name not in ("driver", "full_matrices", "UPLO", "mode", "some", "upper", "left", "hermitian") or v in (True,) and name in ("upper", "hermitian"):
                raise Elsewhere(f"option {name}")
        return Call(f, [x])
    return make


row("linalg.eigh", results=lambda out, call: (out[0], projections(out[1])), tolerance=10, symmetric=True)(matrix("eigh"))
row("linalg.eigvalsh", tolerance=10, symmetric=True)(matrix("eigvalsh"))


@row("linalg.svd", results=lambda out, call: (projections(out[0]), out[1], projections(out[2].mH)), tolerance=10)
def _(x, full_matrices=True, **k):
    real_only(x)
    if full_matrices and x.shape[-1] != x.shape[-2]:
        raise Elsewhere("full_matrices")
    return Call("svd", [x])


row("linalg.svdvals", tolerance=10)(matrix("svdvals"))


@row("linalg.qr", tolerance=10)
def _(x, mode="reduced"):
    real_only(x)
    if mode != "reduced" and not (mode == "complete" and x.shape[-2] <= x.shape[-1]):
        raise Elsewhere(f"qr's mode {mode}")
    return Call("qr", [x])


row("linalg.cholesky", tolerance=10)(matrix("cholesky"))
row("linalg.inv", tolerance=10)(matrix("inverse"))
row("linalg.det", tolerance=10)(matrix("det"))
row("linalg.slogdet", tolerance=10)(matrix("slogdet"))


@row("linalg.solve", tolerance=10)
def _(a, b, left=True):
    real_only(a)
    if b.numel() == 0:
        raise Elsewhere("empty matrices")
    if not left or b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1]):
        raise Elsewhere("solve of vectors, or from the right")
    return Call("solve", [a, b])


@row("linalg.pinv", tolerance=10)
def _(x, *rest, hermitian=False, **k):
    real_only(x)
    if hermitian or rest or k:
        raise Elsewhere("pinv's tolerances")
    return Call("pinv", [x])


# Fourier transforms.
for f in "fft ifft rfft irfft hfft ihfft".split():
    row(f"fft.{f}", tolerance=3)(lambda x, n=None, dim=-1, norm=None, f=f: Call(f, [x], n=n, axis=dim, norm=norm))
for f in "fftn ifftn rfftn irfftn fft2 ifft2 rfft2 irfft2".split():
    def make(x, s=None, dim=None, norm=None, f=f):
        return Call(f, [x], size=None if s is None else ints(s), axes=None if dim is None else ints(dim), norm=norm)
    row(f"fft.{f}", tolerance=3)(make)
for f in "fftshift ifftshift".split():
    row(f"fft.{f}")(lambda x, dim=None, f=f: Call(f, [x], axes=None if dim is None else ints(dim)))


@row("stft", tolerance=3)
def _(x, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False, onesided=None,
      return_complex=None, align_to_window=None):
    if x.is_complex() or (window is not None and window.is_complex()):
        raise Elsewhere("stft of complex signals")
    if return_complex is False or align_to_window:
        raise Elsewhere("stft's align_to_window")
    return Call("stft", [x, window], n_fft=n_fft, hop=hop_length, win_length=win_length, center=center, pad_mode=pad_mode,
                normalized=normalized, onesided=True if onesided is None else onesided)


@row("istft", tolerance=3)
def _(x, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None, length=None, return_complex=False):
    if return_complex or (window is not None and window.is_complex()):
        raise Elsewhere("istft to complex signals")
    bins = x.shape[-2]
    return Call("istft", [x, window], n_fft=n_fft, hop=hop_length, win_length=win_length, center=center, normalized=normalized,
                onesided=bins != n_fft if onesided is None else onesided, length=length)


row("complex", "view_as_complex")(lambda x, y=None: Call("complex", [x, y]) if y is not None else no(view_as_complex=True))
row("real")(lambda x: Call("real", [x]))
row("imag")(lambda x: Call("imag", [x]))
