#include "sirocco/engine/picture_reader.hpp"

#include <utility>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

const AnyPictureEncoder& encoder_of(const MultimodalPipeline& pipeline) {
  const AnyPictureEncoder* const encoder = pipeline.encoders().pictures();
  if (encoder == nullptr) throw UnsupportedError("the model doesn't see");
  return *encoder;
}

}  // namespace

PictureReader::PictureReader(const MultimodalPipeline& pipeline, PictureSettings settings)
    : inputs_(encoder_of(pipeline), std::move(settings)),
      marks_(picture_marks(inputs_.encoder().info().projector)) {}

std::vector<PromptMark> PictureReader::marks_of(const ReadPicture& picture) const {
  TiledPicture tiled{.rows = picture.layout.rows,
                     .columns = picture.layout.columns,
                     .whole = picture.layout.whole,
                     .width = picture.layout.original.width,
                     .height = picture.layout.original.height,
                     .has_newline = picture.input->has_newline()};
  for (std::size_t tile = 0; tile < picture.input->pieces().size(); ++tile) {
    tiled.first_rows.push_back(picture.input->first_row(tile));
    tiled.grids.push_back(picture.input->pieces()[tile].row_grid);
  }
  tiled.first_rows.push_back(picture.input->rows());
  return marks_.expand(tiled);
}

}  // namespace sirocco
