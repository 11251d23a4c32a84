#!/usr/bin/env python3
"""Writes what Python's libraries say of small forecasts to tests/metrics/data/forecast.inc and
tests/data/data/smoothing.inc.

Needs utilsforecast (0.2.17), pandas, scikit-learn (1.9) and statsmodels (0.15).
"""

import os

import numpy as np
import pandas as pd
from sklearn.metrics import mean_pinball_loss
from sklearn.preprocessing import StandardScaler
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.holtwinters import SimpleExpSmoothing
from utilsforecast.losses import mae, mase, smape

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests")
LEVELS = [k / 10 for k in range(1, 10)]


def array(kind, name, values):
    rows = [f"{v:.9g}" for v in np.ravel(values)]
    lines = [", ".join(rows[i : i + 8]) for i in range(0, len(rows), 8)]
    return f"constexpr {kind} {name}[] = {{\n    " + ",\n    ".join(lines) + "};\n"


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write("// Written by tools/dump_forecast_metrics.py; do not edit.\n" + text)


rng = np.random.default_rng(0)
SEASON, TRAIN, HORIZON, SERIES = 4, 40, 6, 2
train = np.stack([10 + i + 3 * np.sin(np.arange(TRAIN) * np.pi / 2) + rng.normal(size=TRAIN) for i in range(SERIES)])
truth = train.mean(1, keepdims=True) + rng.normal(size=(SERIES, HORIZON))
guess = truth + rng.normal(size=(SERIES, HORIZON)) * 0.7
quantiles = np.sort(guess[..., None] + rng.normal(size=(SERIES, HORIZON, 9)) * 0.4, -1)

frame = pd.DataFrame(
    {"unique_id": np.repeat(range(SERIES), HORIZON), "ds": np.tile(range(HORIZON), SERIES), "y": truth.ravel(), "f": guess.ravel()}
)
past = pd.DataFrame({"unique_id": np.repeat(range(SERIES), TRAIN), "ds": np.tile(range(TRAIN), SERIES), "y": train.ravel()})
scaler = StandardScaler().fit(train.T)
z = lambda x: (x - scaler.mean_[:, None]) / scaler.scale_[:, None]
pinball = sum(mean_pinball_loss(truth.ravel(), quantiles[..., k].ravel(), alpha=a) for k, a in enumerate(LEVELS))
inside = (truth >= quantiles[..., 0]) & (truth <= quantiles[..., 8])
expected = [
    ((z(truth) - z(guess)) ** 2).mean(),
    abs(z(truth) - z(guess)).mean(),
    mase(frame, ["f"], SEASON, past)["f"].mean(),
    2 * smape(frame, ["f"])["f"].mean(),  # theirs is half of ours: mean |y - f| / (|y| + |f|)
    2 * pinball / 9 / abs(truth).mean(),  # scikit-learn's pinball is half of GluonTS's quantile loss
    inside.mean(),
]
write(
    os.path.join(ROOT, "metrics/data/forecast.inc"),
    array("double", "kTrain", train)
    + array("double", "kTruth", truth)
    + array("double", "kGuess", guess)
    + array("double", "kQuantiles", quantiles)
    + array("double", "kExpected", expected),
)

values = np.float32(20 + 5 * np.sin(np.arange(26) * np.pi / 2) + rng.normal(size=26))
level = values[:4].astype(float).mean()
season = values[:4].astype(float) - level
# Our states begin after the first season; theirs before the first value they see. (ExponentialSmoothing of the same
# package overwrites the last season's newest part before it forecasts, in 0.15; ETSModel does not.)
model = ETSModel(
    values[4:].astype(float),
    error="add",
    seasonal="add",
    seasonal_periods=4,
    initialization_method="known",
    initial_level=level,
    initial_seasonal=season,
)
fitted = model.smooth([0.3, 0.2])
simple = SimpleExpSmoothing(values[1:].astype(float), initialization_method="known", initial_level=float(values[0]))
write(
    os.path.join(ROOT, "data/data/smoothing.inc"),
    array("float", "kSmoothedValues", values)
    + array("double", "kSmoothedForecast", fitted.forecast(7))
    + f"constexpr double kSimpleForecast = {simple.fit(smoothing_level=0.3, optimized=False).forecast(1)[0]:.9g};\n",
)
