#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/platform/mapped_file.hpp"
#include "sirocco/tensor/shape.hpp"
#include "sirocco/tensor/weight_source.hpp"

/// safetensors (https://github.com/huggingface/safetensors#format): eight bytes of length, a JSON
/// header of that length, and the tensors' bytes one behind another, without holes.
///
/// A file is validated whole before anything is handed out; from then on no byte of it can make an
/// access leave its bounds. Tensors arrive under their own names: F32, F16 and BF16 as they lie
/// there; F64 as F32, each value rounded once; F8_E4M3 and F8_E5M2 with their scales
/// (NAME_scale_inv or NAME_scale: one for all, one a row, or one a block) as BF16, value times
/// scale rounded once; both made as they are read; NAME_blocks and NAME_scales of bytes as NAME in
/// MXFP4; the scales themselves are left out. A tensor of another element type, or without
/// elements, can't be handed out (WeightSource::lacking).
///
/// Errors: FormatError for what the format doesn't allow, UnsupportedError for element types whose
/// size isn't known.
namespace sirocco {

/// A SafetensorsEntry is a tensor as the header describes it.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// The header of a whole file in memory, validated; entries in the order of their bytes, which
/// point into the file. `origin` names it in messages.
std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::byte> file,
                                                std::string_view origin);

/// A ScaleBlock is the part of a matrix of F8_E4M3 or F8_E5M2 that has one scale, where scales are
/// fewer than rows.
struct ScaleBlock {
  std::int64_t rows = 128;
  std::int64_t columns = 128;
};

/// An AbsentTensor is one that an index speaks of and no file holds, and what to say of that.
struct AbsentTensor {
  std::string name;
  std::string why;
};

/// The tensors of entries, whose names differ. `files` holds what they point into.
std::shared_ptr<const WeightSource> make_safetensors_weights(
    std::span<const SafetensorsEntry> entries, std::vector<MappedFile> files, std::string origin,
    ScaleBlock block = {}, std::span<const AbsentTensor> absent = {});

}  // namespace sirocco
