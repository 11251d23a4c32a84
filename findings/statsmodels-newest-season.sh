#!/usr/bin/env bash
# statsmodels 0.15: a seasonal ExponentialSmoothing leaves the last observation out of its own phase of the season.
#
# Guess: with given smoothing factors and beginnings, the forecast k steps after the end is the level plus the newest estimate of that
#   phase (Hyndman and Athanasopoulos, chapter 8), and statsmodels' two implementations give the same.
# Seen (0.15.0): phase by phase they agree, but for the phase of the last observation: ExponentialSmoothing forecasts it with the
#   estimate of one season earlier, ETSModel with the newest, as the recursion by hand does. With a season of 12 every twelfth value of a
#   forecast is another one.
#
# Installs statsmodels into a temporary folder only. Exit 0: as seen.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
python3 -m venv v
v/bin/pip install -q statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 2> log || { cat log; exit 1; }
cat > main.py <<'P'
import warnings

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import ETSModel
from statsmodels.tsa.holtwinters import ExponentialSmoothing

warnings.simplefilter("ignore")  # no dates: steps are counted
y = np.array([10.0, 20, 30, 40, 12, 21, 33, 39, 11, 22, 31, 44])
known = dict(initialization_method="known", initial_level=25.0, initial_seasonal=np.array([-15.0, -5, 5, 15]),
             seasonal="add", seasonal_periods=4)
of_level, of_season = 0.5, 0.4

level, season = 25.0, [-15.0, -5.0, 5.0, 15.0]
for t, value in enumerate(y):
    before = level
    level = of_level * (value - season[t]) + (1 - of_level) * level
    season.append(of_season * (value - before) + (1 - of_season) * season[t])
by_hand = [level + season[len(y) + k] for k in range(4)]
stale = level + season[len(y) - 1]

smoothing = ExponentialSmoothing(y, **known).fit(smoothing_level=of_level, smoothing_seasonal=of_season, optimized=False)
ets = ETSModel(y, error="add", **known).smooth([of_level, of_season])
show = lambda name, values: print(f"{name:22}", *(f"{v:.3f}" for v in values))
show("by hand", by_hand)
show("ETSModel", ets.forecast(4))
show("ExponentialSmoothing", smoothing.forecast(4))
show("phase of a season ago", [stale])
P
v/bin/python main.py | tee seen
cat > expected <<'T'
by hand                13.624 23.604 33.354 43.549
ETSModel               13.624 23.604 33.354 43.549
ExponentialSmoothing   13.624 23.604 33.354 41.744
phase of a season ago  41.744
T
cmp seen expected
