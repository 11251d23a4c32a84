// Single operations and the engine's own overheads: `cairn bench ops`.
#pragma once
#include <nlohmann/json.hpp>

namespace cairn::bench {

// Rows of name, "us" (fastest microseconds of one) and, for products and convolutions,
// "gflop_per_s".
nlohmann::ordered_json op_rows(double seconds_each);

}  // namespace cairn::bench
