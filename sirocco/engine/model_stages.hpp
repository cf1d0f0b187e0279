#pragma once

#include <memory>

#include "sirocco/engine/load.hpp"

namespace sirocco {

/// The pipeline of a model's head, whose other stages are in other processes, which
/// `options.connect` connects. They are cut so that all take equally long, or as `options.cuts` has
/// it.
std::unique_ptr<LanguagePipeline> load_head(OpenedModel& opened, LoadOptions& options);

}  // namespace sirocco
