#pragma once

#include "sirocco/jinja/ast.hpp"

namespace sirocco::jinja {

/// What jinja2 finds out while it compiles: which loops need `loop` and which macros `caller`,
/// `varargs` and `kwargs`; filters and tests that don't exist, where they would surely run; breaks
/// outside of loops. Fills in the tree. Throws FormatError with the line.
void check_program(Program& program);

}  // namespace sirocco::jinja
