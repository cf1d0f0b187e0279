#pragma once

#include <cstdint>

#include "sirocco/pipeline/sampler.hpp"
#include "sirocco/transport/byte_reader.hpp"
#include "sirocco/transport/byte_writer.hpp"

namespace sirocco {

/// Writes what a sampler was made of, so that another stage's makes the same choices.
void write_sampler(ByteWriter& writer, const Sampler& sampler);

/// Reads it. Throws FormatError where the bytes are none, InvalidArgument for values out of range.
Sampler read_sampler(ByteReader& reader, std::int64_t vocabulary);

}  // namespace sirocco
