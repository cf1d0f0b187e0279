#include "sirocco/cli/command_line.hpp"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "sirocco/cli/ranks.hpp"

namespace sirocco {

Option Option::required() const {
  option_->required();
  return *this;
}
Option Option::excludes(Option other) const {
  option_->excludes(other.option_);
  return *this;
}
Option Option::needs(Option other) const {
  option_->needs(other.option_);
  return *this;
}
Option Option::in_range(int min, int max) const {
  option_->check(CLI::Range(min, max));
  return *this;
}
Option Option::delimiter(char between) const {
  option_->delimiter(between);
  return *this;
}
Option Option::expected(int min, int max) const {
  option_->expected(min, max);
  return *this;
}
Option Option::allow_extra_args(bool allow) const {
  option_->allow_extra_args(allow);
  return *this;
}
Option Option::capture_default_str() const {
  option_->capture_default_str();
  return *this;
}
Option Option::default_str(const std::string& text) const {
  option_->default_str(text);
  return *this;
}

template <class T>
Option CommandLine::add_option(const std::string& names, T& into, const std::string& help) {
  return Option(app_.add_option(names, into, help));
}
template Option CommandLine::add_option(const std::string&, int&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::int64_t&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::string&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<std::string>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<std::int64_t>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<float>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, std::optional<double>&,
                                        const std::string&);
template Option CommandLine::add_option(const std::string&, std::vector<int>&, const std::string&);
template Option CommandLine::add_option(const std::string&, std::vector<std::string>&,
                                        const std::string&);

template <class T>
Option CommandLine::add_option_function(const std::string& names,
                                        std::function<void(const T&)> take,
                                        const std::string& help) {
  const std::function<void(const T&)> judged = [names, take = std::move(take)](const T& value) {
    try {
      take(value);
    } catch (const BadValue& e) {
      throw CLI::ValidationError(names, e.what());
    }
  };
  return Option(app_.add_option_function<T>(names, judged, help));
}
template Option CommandLine::add_option_function(const std::string&,
                                                 std::function<void(const std::string&)>,
                                                 const std::string&);
template Option CommandLine::add_option_function(
    const std::string&, std::function<void(const std::vector<std::string>&)>, const std::string&);

Option CommandLine::add_flag(const std::string& names, bool& into, const std::string& help) {
  return Option(app_.add_flag(names, into, help));
}
Option CommandLine::add_flag_callback(const std::string& names, std::function<void()> given,
                                      const std::string& help) {
  return Option(app_.add_flag_callback(names, std::move(given), help));
}
void CommandLine::require_one_of(const std::string& name, Option a, Option b) {
  CLI::Option_group* const group = app_.add_option_group(name);
  group->add_options(a.option_, b.option_);
  group->require_option(1);
}
std::vector<OptionDescription> CommandLine::options() const {
  std::vector<OptionDescription> out;
  for (const CLI::Option* option : std::as_const(app_).get_options()) {
    if (option == std::as_const(app_).get_help_ptr()) continue;
    out.push_back(
        {option->get_name(false, true), option->get_default_str(), option->get_description()});
  }
  return out;
}

void CommandLine::callback(std::function<void()> command) {
  if (job_rank() == 0) {
    app_.callback(std::move(command));
    return;
  }
  // What the options go into lives in the command.
  app_.callback([lives = std::move(command), stage = std::move(stage_)] {
    if (stage) stage();
  });
}

void CommandLine::stage_callback(std::function<void()> stage) { stage_ = std::move(stage); }

}  // namespace sirocco
