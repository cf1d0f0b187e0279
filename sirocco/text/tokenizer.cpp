#include "sirocco/text/tokenizer.hpp"

#include <algorithm>
#include <limits>

#include "sirocco/base/error.hpp"
#include "sirocco/text/added_tokens.hpp"
#include "sirocco/text/encode_context.hpp"
#include "sirocco/text/tokenizer_parts.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kLongestText = std::size_t{1} << 31U;

AddedTokens tokens_to_cut(const TokenizerParts& parts) {
  const bool cuts_user_defined = std::visit(
      [](const auto& algorithm) { return std::decay_t<decltype(algorithm)>::kCutsUserDefined; },
      parts.algorithm);
  std::vector<AddedTokens::Token> tokens;
  for (std::size_t i = 0; i < parts.vocabulary.size(); ++i) {
    const TokenId id(static_cast<std::int32_t>(i));
    const TokenKind kind = parts.vocabulary.kind(id);
    const bool control = kind == TokenKind::kControl;
    if (control || (cuts_user_defined && kind == TokenKind::kUserDefined)) {
      tokens.push_back({std::string(parts.vocabulary.text(id)), id, control});
    }
  }
  return {std::move(tokens), parts.origin};
}

// Where trusted text begins and ends, in bytes of the whole; runs don't touch.
struct TrustedRun {
  std::size_t begin;
  std::size_t end;
};

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerParts given) : parts(std::move(given)), added(tokens_to_cut(parts)) {}

  std::vector<TokenId> tokenize(std::string_view text, std::span<const TrustedRun> trusted,
                                const TokenizeOptions& options) const;

  TokenizerParts parts;
  AddedTokens added;
};

Tokenizer::Tokenizer(TokenizerParts parts)
    : impl_(std::make_unique<const Impl>(std::move(parts))) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::Impl::tokenize(std::string_view text,
                                               std::span<const TrustedRun> trusted,
                                               const TokenizeOptions& options) const {
  if (text.size() > kLongestText) {
    throw InvalidArgument("a text of {} bytes can't be tokenized at once; the limit is {}",
                          text.size(), kLongestText);
  }
  TokenizeStats stats;
  EncodeContext context(text.size(), stats);
  context.out.reserve(text.size() / 3 + 2);
  if (options.add_special && parts.special.add_bos && parts.special.bos) {
    context.out.push_back(*parts.special.bos);
  }

  bool first = true;  // nothing but control tokens so far, or one just before
  std::size_t begin = 0;
  const auto flush = [&](std::size_t end) {
    if (end == begin) return;
    std::visit(
        [&](const auto& algorithm) {
          algorithm.encode(parts.vocabulary, text.substr(begin, end - begin), first, context);
        },
        parts.algorithm);
    first = false;
  };
  for (std::size_t pos = added.candidate_from(text, 0); pos < text.size();
       pos = added.candidate_from(text, pos)) {
    while (!trusted.empty() && trusted.front().end <= pos) trusted = trusted.subspan(1);
    const bool here = !trusted.empty() && trusted.front().begin <= pos;
    const auto match = added.longest_at(text, pos, here ? trusted.front().end : 0);
    if (!match) {
      ++pos;
      continue;
    }
    flush(pos);
    context.out.push_back(match->id);
    first = match->control;
    pos += match->size;
    begin = pos;
  }
  flush(text.size());

  if (options.add_special && parts.special.add_eos && parts.special.eos) {
    context.out.push_back(*parts.special.eos);
  }
  if (options.stats != nullptr) {
    TokenizeStats& sum = *options.stats;
    sum.pattern_matches += stats.pattern_matches;
    sum.pattern_retries += stats.pattern_retries;
    sum.pattern_cuts += stats.pattern_cuts;
    sum.merge_steps += stats.merge_steps;
    sum.words += stats.words;
    sum.cached_words += stats.cached_words;
  }
  return std::move(context.out);
}

std::vector<TokenId> Tokenizer::tokenize(std::string_view text,
                                         const TokenizeOptions& options) const {
  const TrustedRun all{0, text.size()};
  return impl_->tokenize(text, std::span(&all, options.parse_special ? 1 : 0), options);
}

std::vector<TokenId> Tokenizer::tokenize(std::span<const TextSegment> segments,
                                         const TokenizeOptions& options) const {
  std::string text;
  std::vector<TrustedRun> trusted;
  for (const TextSegment& segment : segments) {
    if (segment.trusted && !segment.text.empty()) {
      if (trusted.empty() || trusted.back().end != text.size()) {
        trusted.push_back({text.size(), text.size()});
      }
      trusted.back().end += segment.text.size();
    }
    text.append(segment.text);
  }
  return impl_->tokenize(text, trusted, options);
}

std::string Tokenizer::detokenize(std::span<const TokenId> tokens,
                                  const DetokenizeOptions& options) const {
  std::string out;
  bool strip = adds_space_prefix();
  for (const TokenId id : tokens) {
    const std::size_t before = out.size();
    append_bytes(id, out);
    if (vocabulary().kind(id) == TokenKind::kControl) {
      if (!options.show_control) out.resize(before);
    } else if (strip && out.size() > before) {
      if (out[before] == ' ') out.erase(before, 1);
      strip = false;
    }
  }
  return out;
}

void Tokenizer::append_bytes(TokenId id, std::string& out) const {
  if (!vocabulary().contains(id)) {
    throw InvalidArgument("token {} is not in the vocabulary, whose ids go from 0 to {}",
                          id.value(), vocabulary().size() - 1);
  }
  std::visit([&](const auto& algorithm) { algorithm.append_bytes(vocabulary(), id, out); },
             impl_->parts.algorithm);
}

const Vocabulary& Tokenizer::vocabulary() const noexcept { return impl_->parts.vocabulary; }
const SpecialTokens& Tokenizer::special() const noexcept { return impl_->parts.special; }
bool Tokenizer::adds_space_prefix() const noexcept { return impl_->parts.adds_space_prefix; }

}  // namespace sirocco
