// Measures of a whole evaluation, as a training's result names them.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cairn::metrics {

// {accuracy, f1}: see Confusion.
nlohmann::ordered_json classification(const std::vector<int64_t>& truth,
                                      const std::vector<int64_t>& guess, size_t classes);
// {examples, loss, accuracy, f1, confusion, classes} of probabilities, a row for each example; the
// loss is the mean of -log p of the truth.
nlohmann::ordered_json classification(const std::vector<std::vector<float>>& probabilities,
                                      const std::vector<int64_t>& truth,
                                      const std::vector<std::string>& classes);
// {mae, rmse, r2}: see RegressionErrors.
nlohmann::ordered_json regression(const std::vector<double>& truth,
                                  const std::vector<double>& guess);

}  // namespace cairn::metrics
