#pragma once

#include <vector>

#include "sirocco/jinja/ast.hpp"

namespace sirocco::jinja {

/// What a program does with a name.
struct NameUse {
  bool outside = false;   ///< reads it where it may not have given it a value itself
  bool asked = false;     ///< asks there whether it is defined, or has a default for it
  bool assigned = false;  ///< gives it a value somewhere: `set`, a loop's target, a parameter…
};

/// The uses of each name, by symbol. Reads are followed in the order of the text, with the scopes
/// of jinja2; a name counts as given a value after an `if` when each of its branches gives it one.
/// Of the interpreter's own names (loop, caller…) nothing is said. Takes time in proportion to the
/// program.
std::vector<NameUse> name_uses(const Program& program);

}  // namespace sirocco::jinja
