#include "sirocco/engine/media_reader.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// Calls f(begin) for each place where `text` stands wholly in what the template wrote.
template <class F>
void each_trusted(const RenderedPrompt& prompt, std::string_view text, const F& f) {
  for (const RenderedPrompt::Range& range : prompt.trusted) {
    const std::string_view own =
        std::string_view(prompt.text).substr(range.begin, range.end - range.begin);
    for (std::size_t at = own.find(text); at != std::string_view::npos;
         at = own.find(text, at + text.size()))
      f(range.begin + at);
  }
}

/// Whether the template wrote `text` right before `end`.
bool stands_before(const RenderedPrompt& prompt, std::size_t end, std::string_view text) {
  return end >= text.size() && prompt.text.compare(end - text.size(), text.size(), text) == 0 &&
         std::ranges::any_of(prompt.trusted, [&](const RenderedPrompt::Range& range) {
           return range.begin + text.size() <= end && end <= range.end;
         });
}

/// The segments of prompt.text in [begin, end).
void append_segments(const RenderedPrompt& prompt, std::size_t begin, std::size_t end,
                     std::vector<TextSegment>& out) {
  const std::string_view text = prompt.text;
  std::size_t at = begin;
  const auto append = [&](std::size_t to, bool trusted) {
    if (at < to) out.push_back({text.substr(at, to - at), trusted});
    at = std::max(at, to);
  };
  for (const RenderedPrompt::Range& range : prompt.trusted) {
    append(std::min(range.begin, end), false);
    append(std::min(range.end, end), true);
  }
  append(end, false);
}

/// The token of that text, where it can stand for a row.
std::optional<TokenId> mark_token(const Vocabulary& vocabulary, std::string_view text) {
  if (text.empty()) return std::nullopt;
  const std::optional<TokenId> found = vocabulary.find(text);
  if (found && (vocabulary.kind(*found) == TokenKind::kControl ||
                vocabulary.kind(*found) == TokenKind::kUserDefined))
    return found;
  return std::nullopt;
}

std::string_view name_of(Medium medium) {
  return medium == Medium::kPicture ? "pictures" : "sounds";
}

}  // namespace

Medium medium_of(const ReadMedium& medium) {
  return std::holds_alternative<ReadPicture>(medium) ? Medium::kPicture : Medium::kSound;
}

std::int64_t rows_of(const ReadMedium& medium) {
  return std::visit([](const auto& read) { return read.input->rows(); }, medium);
}

/// Where a template shows something.
struct MediaReader::Place {
  std::size_t begin;
  std::size_t end;
  Medium medium;
};

/// Rows that stand together in a prompt.
struct MediaReader::Run {
  EncodedRows rows;
  std::optional<TokenId> mark;  ///< the token that stands for a row
};

/// A prompt's text, cut where rows stand.
struct MediaReader::Pieces {
  std::vector<std::vector<TextSegment>> texts;  ///< one more than there are runs
  std::vector<Run> runs;
  std::vector<std::vector<PromptMark>> marks;  ///< what some of the texts point into
};

MediaReader::MediaReader(const std::shared_ptr<const MultimodalPipeline>& pipeline,
                         std::optional<PictureSettings> picture_settings,
                         const std::optional<LogMelConfig>& sound_settings,
                         const Tokenizer& tokenizer)
    : tokenizer_(tokenizer) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  if (picture_settings) {
    pictures_.emplace(*pipeline, *std::move(picture_settings));
    picture_mark_ = mark_token(vocabulary, pictures_->marks().token);
  }
  if (sound_settings) {
    sounds_.emplace(pipeline, *sound_settings);
    sound_mark_ = mark_token(vocabulary, sounds_->marks().token);
  }
}

MediaPlaceholders MediaReader::placeholders() const {
  MediaPlaceholders out;
  if (pictures_) {
    const std::string placeholder(pictures_->placeholder());
    out.picture = {placeholder, placeholder + "\n"};
  }
  if (sounds_) {
    const SoundMarks& marks = sounds_->marks();
    out.sound = {std::string(marks.placeholder), std::string(marks.written)};
  }
  return out;
}

std::vector<MediaReader::Place> MediaReader::found(const RenderedPrompt& prompt) const {
  std::vector<Place> out;
  const auto find = [&](std::string_view placeholder, Medium medium) {
    each_trusted(prompt, placeholder, [&](std::size_t begin) {
      out.push_back({begin, begin + placeholder.size(), medium});
    });
  };
  if (pictures_) find(pictures_->marks().placeholder, Medium::kPicture);
  if (sounds_) find(sounds_->marks().placeholder, Medium::kSound);
  std::ranges::stable_sort(out, {}, &Place::begin);
  return out;
}

std::vector<Medium> MediaReader::places(const RenderedPrompt& prompt) const {
  std::vector<Medium> out;
  for (const Place& place : found(prompt)) out.push_back(place.medium);
  return out;
}

MediaReader::Pieces MediaReader::pieces(const RenderedPrompt& prompt,
                                        std::span<const ReadMedium> media) const {
  const std::vector<Place> places = found(prompt);
  for (const Medium medium : {Medium::kPicture, Medium::kSound}) {
    const auto there = std::ranges::count(places, medium, &Place::medium);
    const auto given = std::ranges::count(media, medium, medium_of);
    if (there == given) continue;
    throw InvalidArgument("the prompt has {} places for {}, and there are {} {}", there,
                          name_of(medium), given, name_of(medium));
  }
  Pieces out;
  out.texts.emplace_back();
  out.marks.reserve(places.size());
  std::size_t at = 0;
  std::size_t next_of[2] = {0, 0};
  for (const Place& place : places) {
    append_segments(prompt, at, place.begin, out.texts.back());
    at = place.end;
    std::size_t& next = next_of[static_cast<std::size_t>(place.medium)];
    while (medium_of(media[next]) != place.medium) ++next;
    const ReadMedium& read = media[next++];
    std::shared_ptr<const EncoderInput> input;
    bool mutual = false;
    std::optional<PatchGrid> plane;
    std::optional<TokenId> mark = sound_mark_;
    std::vector<PromptMark>& marks = out.marks.emplace_back();
    if (const auto* picture = std::get_if<ReadPicture>(&read)) {
      input = picture->input;
      mutual = pictures_->marks().mutual;
      if (pictures_->marks().in_plane) plane = input->pieces().front().row_grid;
      mark = picture_mark_;
      marks = pictures_->marks_of(*picture);
    } else {
      const ReadSound& sound = std::get<ReadSound>(read);
      input = sound.input;
      marks = sounds_->marks_of(sound);
      const std::string_view before = sounds_->marks().before;
      if (!before.empty() && stands_before(prompt, place.begin, before)) marks.erase(marks.begin());
    }
    for (PromptMark& part : marks) {
      if (const auto* text = std::get_if<std::string>(&part)) {
        out.texts.back().push_back({*text, true});
        continue;
      }
      out.runs.push_back(
          {{input, std::move(std::get<std::vector<std::int32_t>>(part)), mutual, plane}, mark});
      out.texts.emplace_back();
    }
  }
  append_segments(prompt, at, prompt.text.size(), out.texts.back());
  return out;
}

std::vector<PromptPart> MediaReader::parts(const RenderedPrompt& prompt,
                                           std::span<const ReadMedium> media) const {
  Pieces made = pieces(prompt, media);
  std::vector<PromptPart> out;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= made.runs.size(); ++i) {
    if (i < made.runs.size() && made.runs[i].mark) continue;
    append_marked(std::span(made.texts).subspan(begin, i + 1 - begin),
                  std::span(made.runs).subspan(begin, i - begin), begin == 0, out);
    // The vocabulary has no token for these rows: texts around them become tokens by themselves.
    if (i < made.runs.size()) out.emplace_back(std::move(made.runs[i].rows));
    begin = i + 1;
  }
  return out;
}

std::vector<TokenId> MediaReader::tokenized(std::span<const TextSegment> text, bool first) const {
  return first ? tokenize_prompt(tokenizer_, text) : tokenizer_.tokenize(text);
}

/// One token stands for a run's rows while the text around it becomes tokens, as where the family's
/// models were trained.
void MediaReader::append_marked(std::span<const std::vector<TextSegment>> texts,
                                std::span<Run> runs, bool first,
                                std::vector<PromptPart>& out) const {
  const Vocabulary& vocabulary = tokenizer_.vocabulary();
  std::vector<TextSegment> segments;
  // How many of a run's tokens there are before its own: more where others wrote some.
  std::vector<std::int64_t> before;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    segments.insert(segments.end(), texts[i].begin(), texts[i].end());
    if (i == runs.size()) break;
    const TokenId mark = *runs[i].mark;
    const bool can_be_written = vocabulary.kind(mark) != TokenKind::kControl;
    before.push_back(can_be_written
                         ? std::ranges::count(tokenizer_.tokenize(segments), mark)
                         : std::ranges::count(runs.first(i), std::optional(mark), &Run::mark));
    segments.push_back({vocabulary.text(mark), true});
  }
  std::vector<TokenId> text;
  std::int64_t pictures = 0;
  std::int64_t sounds = 0;
  std::size_t next = 0;
  for (const TokenId token : tokenized(segments, first)) {
    std::int64_t* const seen = picture_mark_ == token ? &pictures
                               : sound_mark_ == token ? &sounds
                                                      : nullptr;
    const std::int64_t number = seen != nullptr ? (*seen)++ : 0;
    const bool is_place = next < runs.size() && runs[next].mark == token && number == before[next];
    if (!is_place) {
      text.push_back(token);
      continue;
    }
    if (!text.empty()) out.emplace_back(std::exchange(text, {}));
    out.emplace_back(std::move(runs[next++].rows));
  }
  if (next != runs.size()) {
    throw UnsupportedError("the tokenizer leaves out {}, which stands for pictures or sounds",
                           quoted(vocabulary.text(*runs[next].mark)));
  }
  if (!text.empty()) out.emplace_back(std::move(text));
}

}  // namespace sirocco
