#include "sirocco/text/spelling/component_tokenizer.hpp"

#include <utility>
#include <vector>

#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/byte_spelling.hpp"

namespace sirocco {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

const ByteTokens* byte_tokens_of(const WordModel& model) {
  if (const auto* const bpe = std::get_if<BpeModel>(&model)) return &bpe->byte_tokens();
  if (const auto* const unigram = std::get_if<UnigramModel>(&model)) {
    return &unigram->byte_tokens();
  }
  return nullptr;
}

// Bytes of `text` from its start on that belong to no character.
std::size_t broken_prefix(std::string_view text) {
  std::size_t size = 0;
  while (size < text.size()) {
    const Utf8Unit unit = decode_utf8(text, size);
    if (unit.valid) break;
    size += unit.size;
  }
  return size;
}

// The runs of a draft's trusted bytes.
std::vector<TrustedRun> runs_of(std::string_view trust) {
  std::vector<TrustedRun> runs;
  for (std::size_t pos = 0; pos < trust.size(); ++pos) {
    if (trust[pos] == '\0') continue;
    if (runs.empty() || runs.back().end != pos) runs.push_back({pos, pos});
    ++runs.back().end;
  }
  return runs;
}

}  // namespace

ComponentTokenizer::ComponentTokenizer(Parts parts)
    : parts_(std::move(parts)),
      spells_bytes_(parts_.normalizer.spells_bytes() || parts_.splitter.spells_bytes()) {
  const ByteTokens* const bytes = byte_tokens_of(parts_.model);
  has_byte_tokens_ = bytes != nullptr && bytes->complete();
}

void ComponentTokenizer::encode(const Vocabulary& vocabulary, const TextSpan& span,
                                EncodeContext& context) const {
  const bool asks_trust = parts_.normalized_tokens.has_control();
  const bool keeps_bytes = spells_bytes_ || has_byte_tokens_;
  TextDraft draft;
  draft.at_origin = span.at_origin;
  std::span<const TrustedRun> trusted = span.trusted;
  const auto take = [&](std::string_view bytes, std::size_t begin, std::size_t end) {
    draft.text.append(bytes);
    if (!asks_trust) return;
    while (!trusted.empty() && trusted.front().end <= begin) trusted = trusted.subspan(1);
    auto run = trusted.begin();
    for (std::size_t i = begin; i < end && bytes.size() == end - begin; ++i) {
      while (run != trusted.end() && run->end <= i) ++run;
      draft.trust.push_back(run != trusted.end() && run->begin <= i ? '\1' : '\0');
    }
    draft.trust.resize(draft.text.size(), '\0');
  };
  for (std::size_t pos = 0; pos < span.text.size();) {
    const std::size_t good = valid_utf8_prefix(span.text.substr(pos));
    take(span.text.substr(pos, good), pos, pos + good);
    pos += good;
    if (pos == span.text.size()) break;
    if (!keeps_bytes) {
      pos += decode_utf8(span.text, pos).size;
      take(kReplacement, pos, pos);
      continue;
    }
    encode_text(vocabulary, std::exchange(draft, {}), context);
    const std::size_t broken = broken_prefix(span.text.substr(pos));
    encode_bytes(vocabulary, span.text.substr(pos, broken), context);
    pos += broken;
    draft.continues = true;
  }
  encode_text(vocabulary, std::move(draft), context);
}

bool ComponentTokenizer::encode_bytes(const Vocabulary& vocabulary, std::string_view bytes,
                                      EncodeContext& context) const {
  if (!spells_bytes_) return byte_tokens_of(parts_.model)->append(bytes, context.out);
  std::string spelling;
  for (const char c : bytes) append_byte_spelling(spelling, static_cast<unsigned char>(c));
  encode_word(vocabulary, spelling, context);
  return true;
}

void ComponentTokenizer::encode_text(const Vocabulary& vocabulary, TextDraft draft,
                                     EncodeContext& context) const {
  if (draft.text.empty()) return;
  draft = parts_.normalizer.apply(std::move(draft), context.run);
  const std::string_view text = draft.text;
  std::size_t done = 0;
  const auto flush = [&](std::size_t end) {
    const bool first = done == 0;
    if (end > done) {
      encode_words(vocabulary, text.substr(done, end - done),
                   {draft.at_origin && first, draft.continues && first}, context);
    }
  };
  if (!parts_.normalized_tokens.empty()) {
    const std::vector<TrustedRun> trusted = runs_of(draft.trust);
    parts_.normalized_tokens.find_all(text, trusted, [&](const AddedTokens::Match& match) {
      flush(match.begin);
      context.out.push_back(match.token->id);
      done = match.end;
    });
  }
  flush(text.size());
}

void ComponentTokenizer::encode_words(const Vocabulary& vocabulary, std::string_view text,
                                      WordSplitter::Place place, EncodeContext& context) const {
  parts_.splitter.split(text, place, context.run,
                        [&](std::string_view word) { encode_word(vocabulary, word, context); });
}

void ComponentTokenizer::encode_word(const Vocabulary& vocabulary, std::string_view word,
                                     EncodeContext& context) const {
  ++context.stats.words;
  if (context.cache.append(word, context.out)) {
    ++context.stats.cached_words;
    return;
  }
  const std::size_t begin = context.out.size();
  std::visit([&](const auto& model) { model.encode_word(vocabulary, word, context); },
             parts_.model);
  context.cache.remember(word, context.out, begin);
}

std::string_view ComponentTokenizer::token_text(const Vocabulary& vocabulary,
                                                TokenId id) const noexcept {
  const auto other = parts_.decoded_texts.find(id);
  return other == parts_.decoded_texts.end() ? vocabulary.text(id) : other->second;
}

void ComponentTokenizer::append_bytes(const Vocabulary& vocabulary, TokenId id,
                                      std::string& out) const {
  DecodeState state(parts_.decoder, false);
  state.push(token_text(vocabulary, id), out);
  state.finish(out, false);
}

}  // namespace sirocco
