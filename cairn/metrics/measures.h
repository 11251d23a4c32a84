// Measures of a whole evaluation, as a training's result names them.
#pragma once
#include <nlohmann/json.hpp>
#include <vector>

namespace cairn::metrics {

// {accuracy, f1}: see Confusion.
nlohmann::ordered_json classification(const std::vector<int64_t>& truth,
                                      const std::vector<int64_t>& guess, size_t classes);
// {mae, rmse, r2}: see RegressionErrors.
nlohmann::ordered_json regression(const std::vector<double>& truth,
                                  const std::vector<double>& guess);

}  // namespace cairn::metrics
