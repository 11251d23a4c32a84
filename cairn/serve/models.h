// The models that are served: opened runs and folders, what is asked of them, and the engine that
// computes it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cairn/serve/engine.h"
#include "cairn/serve/service.h"

namespace cairn::serve {

// Opens them: "RUN" (named by its folder) or "NAME=RUN", each a run folder, the model.safetensors
// of one, or a folder of Hugging Face's. Compiles what is asked of them. Throws Error for what
// cannot be opened or does nothing that can be asked, and for two of one name.
std::unique_ptr<Service> open_models(const std::vector<std::string>& runs,
                                     const EngineLimits& limits);

}  // namespace cairn::serve
