#include "sirocco/text/stages/oniguruma.hpp"

#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/stages/oniguruma_properties.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxPatternBytes = std::size_t{1} << 16U;
constexpr int kMaxClassDepth = 32;

// Oniguruma's \w and \b outside classes: below U+0100 another table of its counts all numerals.
constexpr std::string_view kWordClass =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

std::string in_class(std::string_view body) { return "[" + std::string(body) + "]"; }
std::string outside_class(std::string_view body) { return "[^" + std::string(body) + "]"; }

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  std::string translate() {
    if (pattern_.size() > kMaxPatternBytes) refuse("more than 65536 bytes");
    while (!done()) item();
    return std::move(out_);
  }

 private:
  // One character of a class: any of `body` (the inside of a PCRE2 class) or of `others`
  // (expressions that match one character each).
  struct CharSet {
    std::string body;
    std::vector<std::string> others;

    std::string expression() const {
      if (others.empty()) return in_class(body);
      std::string all = "(?:";
      if (!body.empty()) all += in_class(body) + "|";
      for (std::size_t i = 0; i < others.size(); ++i) all += (i == 0 ? "" : "|") + others[i];
      return all + ")";
    }
    bool empty() const { return body.empty() && others.empty(); }
  };

  bool done() const { return at_ == pattern_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  bool starts(std::string_view text) const { return pattern_.substr(at_).starts_with(text); }

  [[noreturn]] void refuse(std::string_view what) const {
    throw UnsupportedError("the tokenizer's pattern {} holds {} at byte {}, which isn't supported",
                           quoted(pattern_), what, at_);
  }

  std::string_view take(std::size_t bytes) {
    const std::string_view part = pattern_.substr(at_, bytes);
    at_ += part.size();
    return part;
  }
  std::string_view take_character() { return take(decode_utf8(pattern_, at_).size); }

  void item() {
    switch (peek()) {
      case '\\':
        escape();
        return;
      case '[':
        out_ += char_class(0);
        return;
      case '(':
        group();
        return;
      case '{':
        interval();
        return;
      default:
        out_ += take_character();
    }
  }

  // "(" and what follows it up to where the pattern goes on.
  void group() {
    out_ += take(1);
    if (peek() == '*') refuse("a verb or callout");
    if (peek() != '?') return;
    for (const std::string_view plain : {"?:", "?=", "?!", "?>", "?<=", "?<!"}) {
      if (starts(plain)) {
        out_ += take(plain.size());
        return;
      }
    }
    if (starts("?<")) {
      const std::size_t end = pattern_.find('>', at_);
      if (end == std::string_view::npos) refuse("a name without an end");
      out_ += take(end + 1 - at_);
      return;
    }
    if (starts("?#")) {
      const std::size_t end = pattern_.find(')', at_);
      if (end == std::string_view::npos) refuse("a comment without an end");
      out_ += take(end + 1 - at_);
      return;
    }
    out_ += take(1);
    while (peek() != ')' && peek() != ':') {
      const char flag = peek();
      if (flag != 'i' && flag != 'm' && flag != '-') refuse("an unknown group or option");
      out_ += flag == 'm' ? 's' : flag;  // Oniguruma's m lets the dot match line ends
      ++at_;
    }
    out_ += take(1);
  }

  void interval() {
    std::size_t end = at_ + 1;
    std::array<std::string, 2> bounds;
    std::size_t commas = 0;
    for (; end < pattern_.size() && pattern_[end] != '}'; ++end) {
      const char c = pattern_[end];
      if (c == ',') {
        if (++commas > 1) break;
      } else if (c >= '0' && c <= '9') {
        bounds[commas].push_back(c);
      } else {
        break;
      }
    }
    const bool is_interval = end < pattern_.size() && pattern_[end] == '}' && commas <= 1 &&
                             !(bounds[0].empty() && bounds[1].empty());
    if (!is_interval) {
      out_ += "\\{";
      ++at_;
      return;
    }
    at_ = end + 1;
    out_ +=
        "{" + (bounds[0].empty() ? "0" : bounds[0]) + (commas == 0 ? "" : ",") + bounds[1] + "}";
    if (peek() == '+') refuse("an interval that is repeated");
    if (peek() == '?' && commas == 0) refuse("an exact count that is optional");
  }

  // \p{…}, \P{…}, with the backslash ahead: the inside of a class, and whether it's negated.
  std::pair<std::string, bool> property() {
    bool negated = peek(1) == 'P';
    at_ += 2;
    if (peek() != '{') refuse("a property without braces");
    const std::size_t end = pattern_.find('}', at_);
    if (end == std::string_view::npos) refuse("a property without an end");
    std::string_view name = pattern_.substr(at_ + 1, end - at_ - 1);
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    std::optional<std::string> body = class_of_property(name);
    if (!body) refuse("a property whose name isn't one");
    at_ = end + 1;
    return {*std::move(body), negated};
  }

  // Four hexadecimal digits after \u.
  std::string code_unit() {
    at_ += 2;
    const std::string digits(pattern_.substr(at_, 4));
    const bool sound = digits.size() == 4 &&
                       digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (!sound) refuse("\\u without four hexadecimal digits");
    at_ += 4;
    return "\\x{" + digits + "}";
  }

  std::string hex_escape() {
    at_ += 2;
    std::string digits;
    if (peek() == '{') {
      const std::size_t end = pattern_.find('}', at_);
      if (end == std::string_view::npos) refuse("\\x{ without an end");
      digits = pattern_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
    } else {
      while (digits.size() < 2 &&
             std::string_view("0123456789abcdefABCDEF").find(peek()) != std::string_view::npos &&
             !done()) {
        digits.push_back(peek());
        ++at_;
      }
      if (digits.empty() || (digits.size() == 2 && digits[0] >= '8')) refuse("a byte as \\x");
    }
    if (digits.empty() || digits.size() > 6 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      refuse("\\x without hexadecimal digits");
    }
    return "\\x{" + digits + "}";
  }

  // The set that a shorthand or property stands for, or nothing: the inside of a class, and whether
  // the set is all the others.
  bool shorthand(std::string& body, bool& negated, bool within_class) {
    const char c = peek(1);
    negated = c >= 'A' && c <= 'Z';
    switch (c) {
      case 's':
      case 'S':
        body = kWhiteSpaceClass;
        break;
      case 'w':
      case 'W':
        body = within_class ? kWordProperty : kWordClass;
        break;
      case 'h':
      case 'H':
        body = kHexClass;
        break;
      case 'd':
      case 'D':
        body = "\\p{Nd}";
        break;
      case 'p':
      case 'P':
        std::tie(body, negated) = property();
        return true;
      default:
        return false;
    }
    at_ += 2;
    return true;
  }

  // Escapes that mean one character inside classes and outside.
  bool character_escape(std::string& out) {
    const char c = peek(1);
    switch (c) {
      case 'u':
        out += code_unit();
        return true;
      case 'x':
        out += hex_escape();
        return true;
      case 'v':
        out += "\\x{b}";
        break;
      case 'a':
      case 'e':
      case 'f':
      case 'n':
      case 'r':
      case 't':
        out += '\\';
        out += c;
        break;
      default: {
        const bool alphanumeric =
            (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (alphanumeric || c == '\0') return false;
        ++at_;
        const std::string_view literal = take_character();
        if (literal.size() == 1) out += '\\';
        out += literal;
        return true;
      }
    }
    at_ += 2;
    return true;
  }

  void escape() {
    std::string body;
    bool negated = false;
    if (shorthand(body, negated, false)) {
      out_ += negated ? outside_class(body) : in_class(body);
      return;
    }
    if (character_escape(out_)) return;
    const char c = peek(1);
    const std::string word = in_class(kWordClass);
    switch (c) {
      case 'b':
        out_ += "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))";
        break;
      case 'B':
        out_ += "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
        break;
      case 'O':
        out_ += "(?s:.)";
        break;
      case 'A':
      case 'G':
      case 'K':
      case 'N':
      case 'R':
      case 'z':
      case 'Z':
      case 'k':
        out_ += '\\';
        out_ += c;
        break;
      default:
        if (c < '1' || c > '9') refuse("an unknown escape");
        out_ += '\\';
        out_ += c;
    }
    at_ += 2;
  }

  std::string char_class(int depth) {
    const auto [set, negated] = class_set(depth);
    if (!negated) return set.expression();
    if (set.others.empty()) return outside_class(set.body);
    return "(?:(?!" + set.expression() + ")(?s:.))";
  }

  // "[…]" from its bracket on.
  std::pair<CharSet, bool> class_set(int depth) {
    if (depth > kMaxClassDepth) refuse("classes nested too deeply");
    ++at_;
    bool negated = false;
    if (peek() == '^') {
      negated = true;
      ++at_;
    }
    CharSet set;
    std::vector<CharSet> before_and;
    bool first = true;
    while (first || peek() != ']') {
      if (done()) refuse("a class without an end");
      if (starts("&&")) {
        at_ += 2;
        before_and.push_back(std::exchange(set, {}));
        first = false;
        continue;
      }
      const std::size_t begin = at_;
      class_item(set, depth, first);
      // After a set, and at the start of a body, a hyphen is a hyphen.
      const bool is_set =
          pattern_[begin] == '[' || (pattern_[begin] == '\\' && is_shorthand(pattern_[begin + 1]));
      if (is_set && peek() == '-') {
        set.body += "\\-";
        ++at_;
      }
      first = false;
    }
    ++at_;
    if (before_and.empty()) {
      if (set.empty()) refuse("an empty class");
      return {std::move(set), negated};
    }
    before_and.push_back(std::move(set));
    std::string both = "(?:";
    for (std::size_t i = 0; i < before_and.size(); ++i) {
      if (before_and[i].empty()) refuse("an empty side of &&");
      const std::string side = before_and[i].expression();
      both += i + 1 < before_and.size() ? "(?=" + side + ")" : side;
    }
    CharSet all;
    all.others.push_back(both + ")");
    return {std::move(all), negated};
  }

  void class_item(CharSet& set, int depth, bool first) {
    if (starts("[:")) {
      posix_class(set);
      return;
    }
    if (peek() == '[') {
      auto [inner, negated] = class_set(depth + 1);
      if (!negated) {
        set.body += inner.body;
        for (std::string& other : inner.others) set.others.push_back(std::move(other));
      } else if (inner.others.empty()) {
        set.others.push_back(outside_class(inner.body));
      } else {
        set.others.push_back("(?:(?!" + inner.expression() + ")(?s:.))");
      }
      return;
    }
    if (peek() == '\\') {
      std::string body;
      bool negated = false;
      if (shorthand(body, negated, true)) {
        if (negated) {
          set.others.push_back(outside_class(body));
        } else {
          set.body += body;
        }
      } else if (peek(1) == 'b') {
        set.body += "\\x{8}";
        at_ += 2;
      } else if (peek(1) >= '0' && peek(1) <= '7') {
        ++at_;
        unsigned value = 0;
        for (int i = 0; i < 3 && peek() >= '0' && peek() <= '7'; ++i, ++at_) {
          value = value * 8 + static_cast<unsigned>(peek() - '0');
        }
        if (value >= 0x80) refuse("a byte in octal");
        set.body += fmt::format("\\x{{{:x}}}", value);
      } else if (!character_escape(set.body)) {
        refuse("an unknown escape in a class");
      }
      return;
    }
    if (peek() == ']' && first) {
      set.body += "\\]";
      ++at_;
      return;
    }
    if (set.body.empty() && (peek() == '^' || peek() == '-')) {
      set.body += '\\';
      set.body += peek();
      ++at_;
      return;
    }
    set.body += take_character();
  }

  static bool is_shorthand(char c) {
    return std::string_view("sSwWhHdDpP").find(c) != std::string_view::npos;
  }

  void posix_class(CharSet& set) {
    const std::size_t end = pattern_.find(":]", at_);
    if (end == std::string_view::npos) refuse("a POSIX class without an end");
    std::string_view name = pattern_.substr(at_ + 2, end - at_ - 2);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    const std::optional<std::string> known = class_of_posix(name);
    if (!known) refuse("an unknown POSIX class");
    at_ = end + 2;
    const std::string& body = *known;
    if (negated) {
      set.others.push_back(outside_class(body));
    } else {
      set.body += body;
    }
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string pcre2_of_oniguruma(std::string_view pattern) { return Translator(pattern).translate(); }

}  // namespace sirocco
