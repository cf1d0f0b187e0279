#pragma once

#include <optional>

#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/tensor/metadata.hpp"

namespace sirocco {

/// How a checkpoint's authors would have its tokens chosen: generation_config.json of a Hugging
/// Face folder, general.sampling.* of a GGUF file. A recommendation is whole, so that what it
/// leaves out is off; `do_sample` isn't asked. None where the checkpoint says nothing. Throws
/// FormatError that names the value when it is out of range.
std::optional<SamplingParams> recommended_sampling(const Metadata& metadata);

}  // namespace sirocco
