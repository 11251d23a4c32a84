"""The optimizers, with PyTorch's names, defaults and update formulas, and schedules of their rates.

Each takes parameters, or groups of them: [{"params": [...], "lr": 1e-3}, ...]; clip_norm and
clip_value limit the gradients of all groups together. step(loss) differentiates and updates, inside
a compiled function too; step() uses .grad. A schedule is a function of the step: a factor for the
initial rate.
"""
from ._cairn import (Optimizer, Scheduler, constant, cosine, inverse_sqrt, one_cycle, optimizer as _optimizer,
                     step_decay, warmup)

_HELP = {
    "SGD": "Momentum, Nesterov's too. Options: lr, momentum, dampening, weight_decay, nesterov, maximize.",
    "Adam": "Kingma & Ba 2015. Options: lr, betas, eps, weight_decay (added to the gradient), amsgrad, maximize.",
    "AdamW": "Loshchilov & Hutter 2019: Adam with decoupled weight decay. Options: Adam's.",
    "RMSprop": "Tieleman & Hinton 2012. Options: lr, alpha, eps, weight_decay, momentum, centered, maximize.",
    "Adagrad": "Duchi et al. 2011. Options: lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize.",
    "Adadelta": "Zeiler 2012. Options: lr, rho, eps, weight_decay, maximize.",
    "Adamax": "Kingma & Ba 2015, infinity norm. Options: lr, betas, eps, weight_decay, maximize.",
    "NAdam": "Dozat 2016. Options: lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize.",
    "RAdam": "Liu et al. 2020. Options: lr, betas, eps, weight_decay, decoupled_weight_decay, maximize.",
    "Adafactor": "Shazeer & Stern 2018. Options: lr, beta2_decay, eps1, eps2, d, weight_decay, maximize.",
    "Muon": "Jordan et al. 2024, for matrices. Options: lr, weight_decay, momentum, nesterov, ns_steps, eps, maximize.",
}


def _groups(name, params, options):
    try:
        params = list(params)
    except TypeError:
        raise TypeError(f"{name}: takes parameters (net.parameters()), or groups of them, not {type(params).__name__}") from None
    if not params or not isinstance(params[0], dict):
        return [(params, options)]
    groups = []
    for group in params:
        group = {**options, **group}
        if "params" not in group:
            raise TypeError("a group of parameters is a dict with 'params' and options")
        groups.append((list(group.pop("params")), group))
    return groups


def _maker(name):
    def make(params, **options) -> Optimizer:
        return _optimizer(name, _groups(name, params, options))

    make.__name__ = make.__qualname__ = name
    make.__doc__ = _HELP[name]
    return make


SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta = map(_maker, ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"))
Adamax, NAdam, RAdam, Adafactor, Muon = map(_maker, ("Adamax", "NAdam", "RAdam", "Adafactor", "Muon"))

__all__ = [*_HELP, "Optimizer", "Scheduler", "constant", "cosine", "inverse_sqrt", "one_cycle", "step_decay", "warmup"]
