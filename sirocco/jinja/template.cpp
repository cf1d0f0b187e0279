#include "sirocco/jinja/template.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/jinja/ast.hpp"
#include "sirocco/jinja/fault.hpp"
#include "sirocco/jinja/interpreter.hpp"
#include "sirocco/jinja/name_uses.hpp"
#include "sirocco/jinja/native.hpp"

namespace sirocco::jinja {
namespace {

[[noreturn]] void rethrow(const TemplateFault& fault, int line) {
  switch (fault.kind()) {
    case Fault::kLimit:
      throw ResourceExhausted("chat template, line {}: {}", line, fault.message());
    case Fault::kRaised:
      throw InvalidArgument("the chat template refuses these messages (line {}): {}", line,
                            fault.message());
    default:
      throw InvalidArgument("chat template, line {}: {}", line, fault.message());
  }
}

}  // namespace

struct Template::Impl {
  Impl(std::string_view source, const Limits& given)
      : program(parse(source)), uses(name_uses(program)), limits(given) {}

  Program program;
  std::vector<NameUse> uses;  ///< by symbol
  Limits limits;
};

Template::Template(std::string_view source, const Limits& limits)
    : impl_(std::make_unique<const Impl>(source, limits)) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

Text Template::render(const Variables& variables, const Clock& clock) const {
  Interpreter interpreter(impl_->program, impl_->limits, clock, variables);
  try {
    return interpreter.run();
  } catch (const TemplateFault& fault) {
    rethrow(fault, interpreter.line());
  }
}

bool Template::uses(std::string_view variable) const {
  const auto& symbols = impl_->program.symbols;
  const auto found = std::ranges::find(symbols, variable);
  return found != symbols.end() &&
         impl_->uses[static_cast<std::size_t>(found - symbols.begin())].outside;
}

std::vector<std::string> Template::variables() const {
  const auto functions = global_functions();
  std::vector<std::string> out;
  for (std::size_t i = 0; i < impl_->uses.size(); ++i) {
    const std::string& name = impl_->program.symbols[i];
    const NameUse& use = impl_->uses[i];
    if (!use.outside || (use.assigned && !use.asked)) continue;
    if (std::ranges::find(functions, name, [](const auto& f) { return f.first; }) ==
        functions.end())
      out.push_back(name);
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace sirocco::jinja
