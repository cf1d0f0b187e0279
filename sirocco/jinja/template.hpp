#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sirocco/jinja/limits.hpp"
#include "sirocco/jinja/runtime.hpp"
#include "sirocco/jinja/text.hpp"
#include "sirocco/jinja/value.hpp"

namespace sirocco::jinja {

/// A template: Jinja as Hugging Face sets jinja2 up for chat templates (a sandbox with trim_blocks,
/// lstrip_blocks, break and continue, {% generation %}), and Python's ways with values. No file, no
/// other template and no object of the host can be reached. Differences to jinja2: integers have
/// 128 bits; what depends on chance (random, lipsum) or loads templates is refused; urlize is not
/// supported; striptags knows numeric entities and the five common ones.
///
/// Immutable; any number of threads may render at a time.
class Template {
 public:
  /// What a template sees from outside, by name; these hide global functions of their name.
  using Variables = std::vector<std::pair<std::string, Value>>;

  /// Throws FormatError with the template's line where `source` isn't a template, and
  /// UnsupportedError where it wants another template (include, import, extends).
  explicit Template(std::string_view source, const Limits& limits = {});
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// What it writes, each byte with its origin. Throws InvalidArgument, with the template's line,
  /// where the template fails on these values or raises an exception of its own; ResourceExhausted
  /// at a limit.
  Text render(const Variables& variables, const Clock& clock) const;

  /// Whether the template may read a variable of that name from outside.
  bool uses(std::string_view variable) const;

  /// The names of the variables that it uses, in rising order, without functions and names that it
  /// gives values itself without asking first whether they have one.
  std::vector<std::string> variables() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace sirocco::jinja
