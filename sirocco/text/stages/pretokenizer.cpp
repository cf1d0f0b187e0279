#include "sirocco/text/stages/pretokenizer.hpp"

#include <algorithm>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"
#include "sirocco/text/unicode/normal_forms.hpp"

namespace sirocco {
namespace {

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

// Besides the digits, the superscripts and fractions of Latin-1 spell bytes of the same number.
bool is_numeral_byte(char c) {
  switch (static_cast<unsigned char>(c)) {
    case 0xB2:
    case 0xB3:
    case 0xB9:
    case 0xBC:
    case 0xBD:
    case 0xBE:
      return true;
    default:
      return is_ascii_digit(c);
  }
}

void split_numeral_bytes(std::string_view text, FunctionRef<void(std::string_view)> emit) {
  for (std::size_t begin = 0; begin < text.size();) {
    const bool numeral = is_numeral_byte(text[begin]);
    std::size_t end = begin + 1;
    while (end < text.size() && is_numeral_byte(text[end]) == numeral) ++end;
    emit(text.substr(begin, end - begin));
    begin = end;
  }
}

void split_ascii_triples(std::string_view text, FunctionRef<void(std::string_view)> emit) {
  std::size_t begin = 0;  // of what isn't emitted yet
  std::size_t digits = 0;
  for (std::size_t pos = 0; pos < text.size(); ++pos) {
    digits = is_ascii_digit(text[pos]) ? digits + 1 : 0;
    if (digits < 3) continue;
    const std::size_t triple = pos - 2;
    if (triple > begin) emit(text.substr(begin, triple - begin));
    emit(text.substr(triple, 3));
    begin = pos + 1;
    digits = 0;
  }
  if (begin < text.size()) emit(text.substr(begin));
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

// The places inside `run`, in characters counted from its end, that are multiples of three.
void for_each_group(std::string_view run, FunctionRef<void(std::string_view)> emit) {
  std::size_t left = characters(run);
  std::size_t begin = 0;
  for (std::size_t pos = 0; pos < run.size(); --left) {
    if (left % 3 == 0 && pos > begin) {
      emit(run.substr(begin, pos - begin));
      begin = pos;
    }
    pos += decode_utf8(run, pos).size;
  }
  if (begin < run.size()) emit(run.substr(begin));
}

}  // namespace

const PretokenizerRow* find_pretokenizer(std::string_view name) {
  const auto rows = pretokenizer_rows();
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const PretokenizerRow& candidate) {
    return candidate.name == name;
  });
  return row == rows.end() ? nullptr : &*row;
}

Pretokenizer::Pretokenizer(std::span<const PretokenizerStage> stages, Normalization normalization)
    : normalization_(normalization) {
  bool bytes = false;
  for (const PretokenizerStage& stage : stages) {
    Stage built{stage.kind, {}};
    if (!stage.pattern.empty()) built.pattern.emplace_back(stage.pattern);
    // Stages over bytes may cut inside a character, and patterns need whole ones.
    SIROCCO_CHECK(built.pattern.empty() || !bytes);
    bytes = bytes || built.pattern.empty();
    stages_.push_back(std::move(built));
  }
}

void Pretokenizer::split(std::string_view text, SplitRun& run,
                         FunctionRef<void(std::string_view)> emit) const {
  while (!text.empty()) {
    const std::string_view good = text.substr(0, valid_utf8_prefix(text));
    if (!good.empty()) {
      if (normalization_ == Normalization::kNfc && !surely_nfc(good)) {
        run_stage(0, to_nfc(good), run, emit);
      } else {
        run_stage(0, good, run, emit);
      }
      text.remove_prefix(good.size());
    }
    std::size_t bad = 0;
    while (bad < text.size()) {
      const Utf8Unit unit = decode_utf8(text, bad);
      if (unit.valid) break;
      bad += unit.size;
    }
    if (bad != 0) emit(text.substr(0, bad));
    text.remove_prefix(bad);
  }
}

void Pretokenizer::run_stage(std::size_t index, std::string_view text, SplitRun& run,
                             FunctionRef<void(std::string_view)> emit) const {
  if (index == stages_.size()) {
    emit(text);
    return;
  }
  const Stage& stage = stages_[index];
  const auto next = [&](std::string_view piece) { run_stage(index + 1, piece, run, emit); };
  switch (stage.kind) {
    case StageKind::kIsolate:
      stage.pattern[0].split(text, run, [&](std::string_view piece, bool) { next(piece); });
      return;
    case StageKind::kDigitGroups:
      stage.pattern[0].split(text, run, [&](std::string_view piece, bool matched) {
        if (matched) {
          for_each_group(piece, next);
        } else {
          next(piece);
        }
      });
      return;
    case StageKind::kDigitCuts: {
      const char* begin = text.data();
      const auto flush = [&](const char* end) {
        if (end != begin) next({begin, static_cast<std::size_t>(end - begin)});
        begin = end;
      };
      stage.pattern[0].split(text, run, [&](std::string_view piece, bool matched) {
        if (!matched) return;
        if (characters(piece) % 3 == 0) flush(piece.data());
        for_each_group(piece, [&](std::string_view group) {
          if (group.data() != piece.data()) flush(group.data());
        });
      });
      flush(text.data() + text.size());
      return;
    }
    case StageKind::kNumeralBytes:
      split_numeral_bytes(text, next);
      return;
    case StageKind::kAsciiTriples:
      split_ascii_triples(text, next);
      return;
  }
}

}  // namespace sirocco
