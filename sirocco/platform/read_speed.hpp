#pragma once

#include "sirocco/platform/thread_group.hpp"

namespace sirocco {

/// How many bytes a second the threads of a group read from memory together, measured over some
/// hundredths of a second: what decides how fast a model goes through its weights, token by token.
double read_speed(ThreadGroup& threads);

}  // namespace sirocco
