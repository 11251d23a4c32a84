#include "cairn/metrics/measures.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/metrics/classification.h"
#include "cairn/metrics/regression.h"

namespace cairn::metrics {

nlohmann::ordered_json classification(const std::vector<int64_t>& truth,
                                      const std::vector<int64_t>& guess, size_t classes) {
  check(truth.size() == guess.size(), "classification: {} true classes, {} guesses", truth.size(),
        guess.size());
  Confusion confusion(classes);
  for (size_t i = 0; i < truth.size(); ++i) confusion.add(truth[i], guess[i]);
  return {{"accuracy", confusion.accuracy()}, {"f1", confusion.f1()}};
}

nlohmann::ordered_json classification(const std::vector<std::vector<float>>& probabilities,
                                      const std::vector<int64_t>& truth,
                                      const std::vector<std::string>& classes) {
  double loss = 0;
  Confusion confusion(classes.size());
  for (size_t i = 0; i < truth.size(); ++i) {
    const auto& p = probabilities[i];
    confusion.add(truth[i], std::max_element(p.begin(), p.end()) - p.begin());
    loss -= std::log(std::max(p[static_cast<size_t>(truth[i])], 1e-30f));
  }
  return {{"examples", truth.size()},
          {"loss", loss / static_cast<double>(std::max<size_t>(truth.size(), 1))},
          {"accuracy", confusion.accuracy()},
          {"f1", confusion.f1()},
          {"confusion", confusion.counts()},
          {"classes", classes}};
}

nlohmann::ordered_json regression(const std::vector<double>& truth,
                                  const std::vector<double>& guess) {
  const RegressionErrors e = regression_errors(truth, guess);
  return {{"mae", e.mae}, {"rmse", e.rmse}, {"r2", e.r2}};
}

}  // namespace cairn::metrics
