// Networks that name pictures, by name, and what they take.
#pragma once
#include <functional>

#include "cairn/data/dataset.h"
#include "cairn/nn/nn.h"

namespace cairn::models {

std::vector<std::string> image_classifier_names();
// Throws InvalidOption for the option "model" when it takes no pictures of this shape.
nn::AnyModule make_image_classifier(const std::string& name, const data::ImageShape& shape,
                                    int64_t classes);
// What a network takes from the pictures before it learns: airbench its first convolution, others
// nothing. `pictures`: gives some [N, C, H, W], normalised; called only where they are wanted.
void look_at_pictures(const nn::AnyModule& network, const std::function<Tensor()>& pictures);

}  // namespace cairn::models
