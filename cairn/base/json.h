// JSON whose objects keep the order in which they were written: configurations, results, logs.
#pragma once
#include <nlohmann/json.hpp>

namespace cairn {

using Json = nlohmann::ordered_json;

}  // namespace cairn
