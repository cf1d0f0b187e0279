#include "sirocco/engine/picture_reader.hpp"

#include <algorithm>
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

}  // namespace

/// A prompt's text, cut where rows of pictures stand.
struct PictureReader::Pieces {
  std::vector<std::vector<TextSegment>> texts;  ///< one more than there are rows
  std::vector<PictureRows> rows;
  std::vector<std::vector<PictureMark>> marks;  ///< what some of the texts point into
};

PictureReader::PictureReader(std::shared_ptr<const MultimodalPipeline> pipeline,
                             PictureSettings settings, const Tokenizer& tokenizer)
    : pipeline_(std::move(pipeline)),
      processor_(std::move(settings)),
      tokenizer_(tokenizer),
      marks_(picture_marks(pipeline_->encoder_info().projector)) {
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  const std::optional<TokenId> found = vocabulary.find(marks_.token);
  if (found && (vocabulary.kind(*found) == TokenKind::kControl ||
                vocabulary.kind(*found) == TokenKind::kUserDefined))
    mark_ = found;
}

ReadPicture PictureReader::read(std::span<const std::byte> file,
                                const PictureLimits& limits) const {
  const PictureHeader header = read_picture_header(file, limits);
  // Before there is memory for pixels.
  static_cast<void>(processor_.plan(header.size));
  return prepared(decode_picture(file, limits, kWhite));
}

ReadPicture PictureReader::prepared(const Picture& picture) const {
  const EncoderInfo& info = pipeline_->encoder_info();
  const PreparedPicture made = processor_.prepare(picture);
  std::vector<EncoderTile> tiles;
  for (const PictureTile& tile : made.tiles) {
    tiles.push_back(cut_into_patches(tile.planes, info.channels, tile.size.height, tile.size.width,
                                     info.patch));
  }
  return {pipeline_->picture(std::move(tiles)), made.layout};
}

std::size_t PictureReader::places(const RenderedPrompt& prompt) const {
  std::size_t count = 0;
  each_trusted(prompt, marks_.placeholder, [&](std::size_t) { ++count; });
  return count;
}

PictureReader::Pieces PictureReader::pieces(const RenderedPrompt& prompt,
                                            std::span<const ReadPicture> pictures) const {
  Pieces out;
  out.texts.emplace_back();
  std::size_t at = 0;
  std::size_t picture = 0;
  out.marks.reserve(pictures.size());
  each_trusted(prompt, marks_.placeholder, [&](std::size_t begin) {
    append_segments(prompt, at, begin, out.texts.back());
    at = begin + marks_.placeholder.size();
    const ReadPicture& shown = pictures[picture++];
    TiledPicture tiled{.rows = shown.layout.rows,
                       .columns = shown.layout.columns,
                       .whole = shown.layout.whole,
                       .width = shown.layout.original.width,
                       .height = shown.layout.original.height,
                       .has_newline = shown.input->has_newline()};
    for (std::size_t tile = 0; tile < shown.input->tiles().size(); ++tile) {
      tiled.first_rows.push_back(shown.input->first_row(tile));
      tiled.grids.push_back(shown.input->row_grid(tile));
    }
    tiled.first_rows.push_back(shown.input->rows());
    for (PictureMark& mark : out.marks.emplace_back(marks_.expand(tiled))) {
      if (const auto* text = std::get_if<std::string>(&mark)) {
        out.texts.back().push_back({*text, true});
        continue;
      }
      out.rows.push_back(
          {shown.input, std::move(std::get<std::vector<std::int32_t>>(mark)), marks_.mutual,
           marks_.in_plane ? std::optional(shown.input->row_grid(0)) : std::nullopt});
      out.texts.emplace_back();
    }
  });
  append_segments(prompt, at, prompt.text.size(), out.texts.back());
  return out;
}

std::vector<PromptPart> PictureReader::parts(const RenderedPrompt& prompt,
                                             std::span<const ReadPicture> pictures) const {
  if (const std::size_t places = this->places(prompt); places != pictures.size()) {
    throw InvalidArgument("the prompt has {} places for pictures, and there are {} pictures",
                          places, pictures.size());
  }
  Pieces made = pieces(prompt, pictures);
  return mark_ ? with_marked_rows(std::move(made), *mark_) : cut_at_rows(std::move(made));
}

/// One token stands for rows while the text around them becomes tokens, as where the family's
/// models were trained.
std::vector<PromptPart> PictureReader::with_marked_rows(Pieces pieces, TokenId mark) const {
  const std::string_view mark_text = tokenizer_.vocabulary().text(mark);
  std::vector<TextSegment> segments;
  // How many such tokens there are before the one of each run of rows: more where others wrote
  // some.
  std::vector<std::int64_t> before;
  const auto marks_in = [&](std::span<const TextSegment> text) {
    return std::ranges::count(tokenizer_.tokenize(text), mark);
  };
  const bool can_be_written = tokenizer_.vocabulary().kind(mark) != TokenKind::kControl;
  for (std::size_t i = 0; i < pieces.texts.size(); ++i) {
    segments.insert(segments.end(), pieces.texts[i].begin(), pieces.texts[i].end());
    if (i == pieces.rows.size()) break;
    before.push_back(can_be_written ? marks_in(segments) : static_cast<std::int64_t>(i));
    segments.push_back({mark_text, true});
  }
  const std::vector<TokenId> tokens = tokenize_prompt(tokenizer_, segments);
  std::vector<PromptPart> out;
  std::vector<TokenId> text;
  std::int64_t marks = 0;
  std::size_t next = 0;
  for (const TokenId token : tokens) {
    const bool is_place = token == mark && next < before.size() && marks++ == before[next];
    if (!is_place) {
      text.push_back(token);
      continue;
    }
    if (!text.empty()) out.emplace_back(std::exchange(text, {}));
    out.emplace_back(std::move(pieces.rows[next++]));
  }
  if (next != pieces.rows.size()) {
    throw UnsupportedError("the tokenizer leaves out {}, which stands for pictures",
                           quoted(mark_text));
  }
  if (!text.empty()) out.emplace_back(std::move(text));
  return out;
}

/// The vocabulary has no token for rows: texts between them become tokens by themselves.
std::vector<PromptPart> PictureReader::cut_at_rows(Pieces pieces) const {
  std::vector<PromptPart> out;
  for (std::size_t i = 0; i < pieces.texts.size(); ++i) {
    std::vector<TokenId> tokens = i == 0 ? tokenize_prompt(tokenizer_, pieces.texts[i])
                                         : tokenizer_.tokenize(pieces.texts[i]);
    if (!tokens.empty()) out.emplace_back(std::move(tokens));
    if (i < pieces.rows.size()) out.emplace_back(std::move(pieces.rows[i]));
  }
  return out;
}

}  // namespace sirocco
