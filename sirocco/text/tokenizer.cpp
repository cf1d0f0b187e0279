#include "sirocco/text/tokenizer.hpp"

#include <algorithm>
#include <limits>

#include "sirocco/base/error.hpp"
#include "sirocco/text/detokenizer.hpp"
#include "sirocco/text/spelling/encode_context.hpp"
#include "sirocco/text/stages/added_tokens.hpp"
#include "sirocco/text/tokenizer_parts.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{1} << 31U;

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerParts given) : parts(std::move(given)) {}

  std::vector<TokenId> tokenize(std::string_view text, std::span<const TrustedRun> trusted,
                                const TokenizeOptions& options) const;

  TokenizerParts parts;
};

Tokenizer::Tokenizer(TokenizerParts parts)
    : impl_(std::make_unique<const Impl>(std::move(parts))) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

std::vector<TokenId> Tokenizer::Impl::tokenize(std::string_view text,
                                               std::span<const TrustedRun> trusted,
                                               const TokenizeOptions& options) const {
  if (text.size() > kMaxTextBytes) {
    throw InvalidArgument("a text of {} bytes can't be tokenized at once; the limit is {}",
                          text.size(), kMaxTextBytes);
  }
  TokenizeStats stats;
  EncodeContext context(text.size(), stats);
  context.out.reserve(text.size() / 3 + 2);
  if (options.add_special) {
    context.out.insert(context.out.end(), parts.before.begin(), parts.before.end());
  }

  std::size_t begin = 0;
  std::vector<TrustedRun> within;  // of the span, in its own bytes
  const auto flush = [&](std::size_t end) {
    if (end <= begin) return;
    while (!trusted.empty() && trusted.front().end <= begin) trusted = trusted.subspan(1);
    within.clear();
    for (const TrustedRun& run : trusted) {
      if (run.begin >= end) break;
      within.push_back({std::max(run.begin, begin) - begin, std::min(run.end, end) - begin});
    }
    const TextSpan span{text.substr(begin, end - begin), begin == 0, within};
    std::visit([&](const auto& algorithm) { algorithm.encode(parts.vocabulary, span, context); },
               parts.algorithm);
  };
  parts.added.find_all(text, trusted, [&](const AddedTokens::Match& match) {
    flush(match.begin);
    context.out.push_back(match.token->id);
    begin = match.end;
  });
  flush(text.size());

  if (options.add_special) {
    context.out.insert(context.out.end(), parts.after.begin(), parts.after.end());
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
  ByteDetokenizer bytes(*this, {.show_control = options.show_control, .at_start = true});
  std::string out;
  for (const TokenId id : tokens) bytes.push(id, out);
  bytes.finish(out);
  return out;
}

bool Tokenizer::has_text(TokenId id) const {
  if (id.value() < 0) throw InvalidArgument("{} is no token's id; ids go from 0 up", id.value());
  return vocabulary().contains(id) && !vocabulary().is_padding(id);
}

void Tokenizer::append_bytes(TokenId id, std::string& out) const {
  if (!has_text(id)) return;
  std::visit([&](const auto& algorithm) { algorithm.append_bytes(vocabulary(), id, out); },
             impl_->parts.algorithm);
}

const Vocabulary& Tokenizer::vocabulary() const noexcept { return impl_->parts.vocabulary; }
const SpecialTokens& Tokenizer::special() const noexcept { return impl_->parts.special; }
std::span<const TokenId> Tokenizer::behind() const noexcept { return impl_->parts.after; }
const ComponentTokenizer* Tokenizer::components() const noexcept {
  return std::get_if<ComponentTokenizer>(&impl_->parts.algorithm);
}
bool Tokenizer::adds_space_prefix() const noexcept { return impl_->parts.adds_space_prefix; }

std::vector<TokenId> tokenize_prompt(const Tokenizer& tokenizer,
                                     std::span<const TextSegment> segments) {
  std::vector<TokenId> tokens = tokenizer.tokenize(segments);
  const SpecialTokens& special = tokenizer.special();
  if (special.add_bos && special.bos && (tokens.empty() || tokens.front() != *special.bos))
    tokens.insert(tokens.begin(), *special.bos);
  return tokens;
}

std::optional<std::vector<TokenId>> tokenize_infill(const Tokenizer& tokenizer,
                                                    std::string_view prefix,
                                                    std::string_view suffix) {
  const SpecialTokens& special = tokenizer.special();
  const std::optional<InfillTokens> marks = special.infill();
  if (!marks) return std::nullopt;
  std::vector<TokenId> out;
  if (special.add_bos && special.bos) out.push_back(*special.bos);
  const auto add = [&](TokenId mark, std::string_view text) {
    out.push_back(mark);
    const std::vector<TokenId> tokens = tokenizer.tokenize(text);
    out.insert(out.end(), tokens.begin(), tokens.end());
  };
  add(marks->prefix, prefix);
  add(marks->suffix, suffix);
  out.push_back(marks->middle);
  return out;
}

}  // namespace sirocco
