#include "sirocco/text/stages/decoder_chain.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
// Far more than any token decodes to; a file's rules may multiply one.
constexpr std::size_t kMaxTokenBytes = std::size_t{1} << 20U;

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(from); at != std::string_view::npos && !from.empty();
       at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  return out.append(text, done);
}

// The spaces of English that a word-by-word vocabulary loses.
std::string cleaned_up(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kRules = {{
      {" .", "."},
      {" ?", "?"},
      {" !", "!"},
      {" ,", ","},
      {" ' ", "'"},
      {" n't", "n't"},
      {" 'm", "'m"},
      {" do not", " don't"},
      {" 's", "'s"},
      {" 've", "'ve"},
      {" 're", "'re"},
  }};
  std::string out(text);
  for (const auto& [from, to] : kRules) out = replaced(out, from, to);
  return out;
}

bool fuses(const DecoderChain::Step& step) {
  return std::holds_alternative<FuseDecoder>(step) ||
         std::holds_alternative<ByteLevelDecoder>(step);
}

bool takes_parts(const DecoderChain::Step& step) {
  if (const auto* const replace = std::get_if<ReplaceDecoder>(&step)) {
    return replace->pattern.literal() != nullptr;
  }
  return std::holds_alternative<FuseDecoder>(step) || std::holds_alternative<StripDecoder>(step);
}

constexpr std::array<std::string_view, std::variant_size_v<DecoderChain::Step>> kNames = {
    "ByteLevel", "Metaspace",  "WordPiece", "ByteFallback", "Fuse",  "Strip",
    "Replace",   "BPEDecoder", "CTC",       "(none)",       "(none)"};

}  // namespace

DecoderChain::DecoderChain(std::vector<Step> steps, std::string_view origin)
    : steps_(std::move(steps)) {
  const auto first = std::find_if(steps_.begin(), steps_.end(), fuses);
  if (first == steps_.end()) return;
  const auto bad = std::find_if_not(first + 1, steps_.end(), takes_parts);
  if (bad == steps_.end()) return;
  throw UnsupportedError("{}: the decoder {}{} after {}, which joins all tokens, isn't supported",
                         origin, kNames[bad->index()],
                         std::holds_alternative<ReplaceDecoder>(*bad) ? " with a Regex" : "",
                         kNames[first->index()]);
}

DecodeState::DecodeState(const DecoderChain& chain, bool at_start)
    : chain_(chain), at_start_(at_start), stages_(chain.steps_.size()) {
  reset();
}

void DecodeState::reset() {
  for (Stage& stage : stages_) {
    stage = {};
    stage.first = at_start_;
    if (!at_start_) stage.dropped = static_cast<std::size_t>(-1);
  }
}

void DecodeState::push(std::string_view text, std::string& out) { token(0, text, out); }

// A whole token arrives at a step.
struct DecodeState::Token {
  DecodeState& state;
  std::size_t next;
  Stage& stage;
  std::string_view text;
  std::string& out;

  void pass(std::string_view result) const { state.token(next, result, out); }
  bool take_first() const { return std::exchange(stage.first, false); }

  void operator()(const ByteLevelDecoder& /*step*/) const {
    const auto bytes = bytes_of_spelling(text);
    state.part(next, bytes ? std::string_view(*bytes) : text, out);
  }
  void operator()(const FuseDecoder& /*step*/) const { state.part(next, text, out); }
  void operator()(const MetaspaceDecoder& step) const {
    const bool drop = take_first() && step.prepended;
    pass(replaced(text, step.replacement, drop ? "" : " "));
  }
  void operator()(const SpaceMarkDecoder& step) const {
    std::string_view rest = text;
    if (take_first() && step.prefixed && rest.starts_with(kSpaceMark)) {
      rest.remove_prefix(kSpaceMark.size());
    }
    pass(replaced(rest, kSpaceMark, " "));
  }
  void operator()(const WordPieceDecoder& step) const {
    std::string word;
    if (take_first()) {
      word = text;
    } else if (text.starts_with(step.prefix)) {
      word = text.substr(step.prefix.size());
    } else {
      word.append(" ").append(text);
    }
    pass(step.cleanup ? cleaned_up(word) : word);
  }
  void operator()(const ByteFallbackDecoder& /*step*/) const {
    if (const auto byte = byte_of_hex_spelling(text)) {
      const char c = static_cast<char>(*byte);
      if (state.joins(next)) {
        pass({&c, 1});
      } else {
        stage.held.push_back(c);
      }
      return;
    }
    state.end_byte_run(next, std::exchange(stage.held, {}), out);
    pass(text);
  }
  void operator()(const StripDecoder& step) const {
    std::string_view rest = text;
    for (std::size_t i = 0; i < step.start && rest.starts_with(step.content); ++i) {
      rest.remove_prefix(step.content.size());
    }
    for (std::size_t i = 0; i < step.stop && rest.ends_with(step.content); ++i) {
      rest.remove_suffix(step.content.size());
    }
    pass(rest);
  }
  void operator()(const ReplaceDecoder& step) const {
    std::string result;
    std::size_t done = 0;
    const auto replace = [&](std::size_t begin, std::size_t end) {
      result.append(text, done, begin - done).append(step.content);
      done = end;
    };
    if (step.pattern.literal() != nullptr || is_utf8(text)) {
      TokenizeStats stats;
      SplitRun run(text.size(), stats);
      step.pattern.find_all(text, run, replace);
    }
    pass(result.append(text, done));
  }
  void operator()(const BpeSuffixDecoder& step) const {
    if (stage.holds) pass(replaced(stage.held, step.suffix, " "));
    stage.held = text;
    stage.holds = true;
  }
  void operator()(const CtcDecoder& step) const {
    if (stage.holds && stage.held == text) return;
    stage.held = text;
    stage.holds = true;
    std::string result = replaced(text, step.pad, "");
    if (step.cleanup) result = replaced(cleaned_up(result), step.word_delimiter, " ");
    if (!result.empty()) pass(result);
  }
  void operator()(const SpaceJoinDecoder& /*step*/) const {
    if (!take_first()) pass(" ");
    pass(text);
  }
};

void DecodeState::token(std::size_t step, std::string_view text, std::string& out) {
  if (text.size() > kMaxTokenBytes) {
    throw ResourceExhausted(
        "a token decodes to more than {} bytes: the decoder's rules multiply it", kMaxTokenBytes);
  }
  if (step == chain_.steps_.size()) {
    out.append(text);
    return;
  }
  std::visit(Token{*this, step + 1, stages_[step], text, out}, chain_.steps_[step]);
}

bool DecodeState::joins(std::size_t step) const {
  return step == chain_.steps_.size() || std::holds_alternative<FuseDecoder>(chain_.steps_[step]);
}

void DecodeState::end_byte_run(std::size_t step, const std::string& bytes, std::string& out) {
  if (bytes.empty()) return;
  if (is_utf8(bytes)) {
    token(step, bytes, out);
    return;
  }
  for (std::size_t i = 0; i < bytes.size(); ++i) token(step, kReplacement, out);
}

// A part of the one token arrives at a step.
struct DecodeState::Part {
  DecodeState& state;
  std::size_t next;
  Stage& stage;
  std::string_view text;
  std::string& out;

  void operator()(const FuseDecoder& /*step*/) const { state.part(next, text, out); }

  void operator()(const StripDecoder& step) const {
    std::string_view rest = text;
    while (stage.dropped < step.start && rest.starts_with(step.content)) {
      rest.remove_prefix(step.content.size());
      ++stage.dropped;
    }
    if (rest.empty()) return;
    stage.dropped = static_cast<std::size_t>(-1);
    // What may be the end of the text waits.
    stage.held.append(rest);
    std::size_t keep = stage.held.size();
    for (std::size_t i = 0;
         i < step.stop && std::string_view(stage.held).substr(0, keep).ends_with(step.content);
         ++i) {
      keep -= step.content.size();
    }
    state.part(next, std::string_view(stage.held).substr(0, keep), out);
    stage.held.erase(0, keep);
  }

  void operator()(const ReplaceDecoder& step) const {
    const std::string& wanted = *step.pattern.literal();
    stage.held.append(text);
    std::string result;
    std::size_t done = 0;
    for (std::size_t at = stage.held.find(wanted); at != std::string::npos;
         at = stage.held.find(wanted, done)) {
      result.append(stage.held, done, at - done).append(step.content);
      done = at + wanted.size();
    }
    // What may begin another one waits.
    const std::string_view rest = std::string_view(stage.held).substr(done);
    std::size_t waits = std::min(wanted.size() - 1, rest.size());
    while (!wanted.starts_with(rest.substr(rest.size() - waits))) --waits;
    result.append(rest.substr(0, rest.size() - waits));
    stage.held.erase(0, stage.held.size() - waits);
    state.part(next, result, out);
  }

  template <class Other>
  void operator()(const Other& /*step*/) const {
    SIROCCO_CHECK(false);  // refused when the chain was made
  }
};

void DecodeState::part(std::size_t step, std::string_view text, std::string& out) {
  if (text.empty()) return;
  if (step == chain_.steps_.size()) {
    out.append(text);
    return;
  }
  std::visit(Part{*this, step + 1, stages_[step], text, out}, chain_.steps_[step]);
}

void DecodeState::finish(std::string& out, bool at_end) {
  bool fused = false;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const DecoderChain::Step& step = chain_.steps_[i];
    Stage& stage = stages_[i];
    const std::string held = std::exchange(stage.held, {});
    const bool holds = std::exchange(stage.holds, false);
    if (std::holds_alternative<ByteFallbackDecoder>(step)) {
      if (at_end) {
        end_byte_run(i + 1, held, out);
      } else if (!held.empty()) {
        token(i + 1, held, out);
      }
    } else if (const auto* const suffix = std::get_if<BpeSuffixDecoder>(&step)) {
      if (holds) token(i + 1, replaced(held, suffix->suffix, at_end ? "" : " "), out);
    } else if (fused && !held.empty()) {
      // The held end of a Strip is what it takes away.
      if (!std::holds_alternative<StripDecoder>(step) || !at_end) part(i + 1, held, out);
    }
    fused = fused || fuses(step);
  }
  reset();
}

}  // namespace sirocco
