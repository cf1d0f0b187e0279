#pragma once

#include <cstddef>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/jinja/limits.hpp"
#include "sirocco/jinja/value.hpp"
#include "sirocco/text/text_segment.hpp"

namespace sirocco {

namespace jinja {
class Template;
}  // namespace jinja

/// ChatTemplateLimits are what may be spent on one rendering; beyond them, ResourceExhausted.
using ChatTemplateLimits = jinja::Limits;

/// A ChatContext is what a template is rendered with, in the calling convention of Hugging Face's
/// `apply_chat_template`. Messages, tools, documents and variables are data (`Value::from_json`
/// makes them of JSON, `messages_of` of a Conversation): none of their bytes is trusted, except for
/// a message's "role" when it is one of system, developer, user, assistant and tool, which are
/// words of the interface (templates write control tokens such as <|user|> with them). As there,
/// what a model thought (`reasoning_content`, `thinking` or `reasoning`, whichever a client calls
/// it) is there under the first two names. Unlike there, members of messages that are null stay:
/// some templates know by them that a message consists of calls.
struct ChatContext {
  jinja::Value messages = jinja::Value::list({});                 ///< of dictionaries
  jinja::Value tools = jinja::Value::none(jinja::Origin::kData);  ///< a list of schemas, or None
  jinja::Value documents = jinja::Value::none(jinja::Origin::kData);  ///< a list, or None
  bool add_generation_prompt = true;
  std::map<std::string, jinja::Value> variables;  ///< by name, e.g. enable_thinking
  /// Text of the model's own files by name, trusted: bos_token, eos_token, pad_token…
  std::map<std::string, std::string> special_tokens;
  /// Local time for strftime_now(); the system's clock without.
  std::function<std::tm()> clock;
};

/// A RenderedPrompt is a prompt that knows which of its bytes the template wrote. Only those may be
/// read as control tokens.
struct RenderedPrompt {
  struct Range {
    std::size_t begin;
    std::size_t end;
    bool operator==(const Range&) const = default;
  };

  std::string text;            ///< UTF-8
  std::vector<Range> trusted;  ///< bytes of `text`; rising, neither empty nor touching

  /// All of `text` in order, cut where trust changes. The views live as long as `text`.
  std::vector<TextSegment> segments() const;
};

/// A ChatTemplate is a model's chat template, as jinja::Template runs it. Immutable; any number of
/// threads may render at a time.
class ChatTemplate {
 public:
  /// Throws FormatError with the template's line where `source` isn't a template, and
  /// UnsupportedError where it wants another template (include, import, extends).
  explicit ChatTemplate(std::string_view source, const ChatTemplateLimits& limits = {});
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  /// Throws as jinja::Template::render, and InvalidArgument where the messages or the tools aren't
  /// lists of what they ought to be.
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
  std::unique_ptr<const jinja::Template> template_;
};

}  // namespace sirocco
