#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sirocco {

/// What may be spent on one rendering; beyond it, ResourceExhausted.
struct ChatTemplateLimits {
  std::size_t max_memory = std::size_t{256} << 20;  ///< bytes of values alive at a time
  std::size_t max_output = std::size_t{64} << 20;   ///< bytes of text
  std::uint64_t max_steps = 20'000'000;             ///< operations; 64 bytes of text count as one
};

/// What a template is rendered with, in the calling convention of Hugging Face's
/// `apply_chat_template`. Messages, tools, documents and variables are data: none of their bytes is
/// trusted, except for a message's "role" when it is one of system, developer, user, assistant and
/// tool, which are words of the interface (templates write control tokens such as <|user|> with
/// them). As there, what a model thought (`reasoning_content`, `thinking` or `reasoning`, whichever
/// a client calls it) is there under the first two names. Unlike there, members of messages that
/// are null stay: some templates know by them that a message consists of calls.
struct ChatContext {
  std::string messages = "[]";           ///< JSON: an array of messages
  std::optional<std::string> tools;      ///< JSON: an array of schemas; None without
  std::optional<std::string> documents;  ///< JSON: an array; None without
  bool add_generation_prompt = true;
  std::map<std::string, std::string> variables;  ///< JSON by name, e.g. enable_thinking → true
  /// Text of the model's own files by name, trusted: bos_token, eos_token, pad_token…
  std::map<std::string, std::string> special_tokens;
  /// Local time for strftime_now(); the system's clock without.
  std::function<std::tm()> clock;
};

struct PromptSegment {
  std::string_view text;
  bool trusted;
};

/// A prompt that knows which of its bytes the template wrote. Only those may be read as control
/// tokens.
struct RenderedPrompt {
  struct Range {
    std::size_t begin;
    std::size_t end;
    bool operator==(const Range&) const = default;
  };

  std::string text;            ///< UTF-8
  std::vector<Range> trusted;  ///< bytes of `text`; rising, neither empty nor touching

  /// All of `text` in order, cut where trust changes. The views live as long as `text`.
  std::vector<PromptSegment> segments() const;
};

/// A model's chat template: Jinja as Hugging Face sets jinja2 up for it (a sandbox with
/// trim_blocks, lstrip_blocks, break and continue, {% generation %}), and Python's ways with
/// values. No file, no other template and no object of the host can be reached. Differences to
/// jinja2: integers have 128 bits; what depends on chance (random, lipsum) or loads templates is
/// refused; urlize is not
/// supported; striptags knows numeric entities and the five common ones.
///
/// Immutable; any number of threads may render at a time.
class ChatTemplate {
 public:
  /// Throws FormatError with the template's line where `source` isn't a template, and
  /// UnsupportedError where it wants another template (include, import, extends).
  explicit ChatTemplate(std::string_view source, ChatTemplateLimits limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// Throws InvalidArgument, with the template's line, where the template fails on these values or
  /// raises an exception of its own, or where a JSON text isn't one; ResourceExhausted at a limit.
  RenderedPrompt render(const ChatContext& context) const;

  /// Whether the template may read a variable of that name from outside: whether setting it can
  /// matter.
  bool uses(std::string_view variable) const;

  /// The names of the variables that a caller may offer to set, in rising order: those that it
  /// uses, without what a conversation consists of (messages, tools, add_generation_prompt),
  /// special tokens, functions, and names that it gives values itself without asking first whether
  /// they have one.
  std::vector<std::string> variables() const;

 private:
  struct Impl;
  std::unique_ptr<const Impl> impl_;
};

}  // namespace sirocco
