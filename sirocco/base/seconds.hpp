#pragma once

namespace sirocco {

/// Seconds of a steady clock, from wherever it began.
using Seconds = double;

}  // namespace sirocco
