#pragma once

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sirocco {

/// A value that an option doesn't take: a mistake in the command line. `what()` says why.
class BadValue : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One option of a command. Copies stand for the same one; it lives as long as the command line.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option required() const;
  /// Not together with the other one.
  Option excludes(Option other) const;
  /// Only together with the other one.
  Option needs(Option other) const;
  /// Numbers from `min` to `max`.
  Option in_range(int min, int max) const;
  /// One word may hold several values, with this between them.
  Option delimiter(char between) const;
  /// From `min` to `max` words follow it.
  Option expected(int min, int max) const;
  /// Whether several words may follow it, each a value.
  Option allow_extra_args(bool allow = true) const;
  /// Help shows the value that its variable has now.
  Option capture_default_str() const;
  /// Help shows this as what holds without the option.
  Option default_str(const std::string& text) const;

 private:
  friend class CommandLine;
  CLI::Option* option_;
};

/// What help tells of an option.
struct OptionDescription {
  std::string names;          ///< "-m,--model"
  std::string default_value;  ///< empty: there is none, or help says it in words
  std::string help;
};

/// What a command can be told on its command line: where declarations go, so that only
/// command_line.cpp compiles the library that parses. `names` are "-m,--model", or one without a
/// dash for what stands on the command line as it is; `help` is a line of `--help`.
class CommandLine {
 public:
  explicit CommandLine(CLI::App& app) : app_(app) {}

  /// An option whose value goes `into` a variable, which must live as long as the command line. T:
  /// int, std::int64_t or std::string, an optional std::string, std::int64_t or
  /// float, std::vector<int> or std::vector<std::string>.
  template <class T>
  Option add_option(const std::string& names, T& into, const std::string& help);
  /// An option whose value, a T, is given away. `take` may throw BadValue. T: std::string or
  /// std::vector<std::string>.
  template <class T>
  Option add_option_function(const std::string& names, std::function<void(const T&)> take,
                             const std::string& help);
  /// An option without a value, which sets `into`.
  Option add_flag(const std::string& names, bool& into, const std::string& help);
  Option add_flag_callback(const std::string& names, std::function<void()> given,
                           const std::string& help);
  /// Exactly one of the two has to be there; `name` heads them in the help.
  void require_one_of(const std::string& name, Option a, Option b);

  /// All options but that which asks for help.
  std::vector<OptionDescription> options() const;

  /// What the command does, when its options are read; in a job of several processes, in the first.
  void callback(std::function<void()> command);
  /// What the others do meanwhile; nothing without. Comes before `callback`.
  void stage_callback(std::function<void()> stage);

 private:
  CLI::App& app_;
  std::function<void()> stage_;
};

}  // namespace sirocco
