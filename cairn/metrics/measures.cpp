#include "cairn/metrics/measures.h"

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

nlohmann::ordered_json regression(const std::vector<double>& truth,
                                  const std::vector<double>& guess) {
  const RegressionErrors e = regression_errors(truth, guess);
  return {{"mae", e.mae}, {"rmse", e.rmse}, {"r2", e.r2}};
}

}  // namespace cairn::metrics
