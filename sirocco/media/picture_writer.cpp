#include "sirocco/media/picture_writer.hpp"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>

#include "sirocco/base/error.hpp"

namespace sirocco {
namespace {

/// What libpng calls back to. C code is left by longjmp, so nothing on its way may have a
/// destructor.
struct Sink {
  std::vector<std::byte>* bytes;
  char message[160] = {};
};

[[noreturn]] void leave(png_structp png, png_const_charp message) {
  auto* const sink = static_cast<Sink*>(png_get_error_ptr(png));
  std::strncpy(sink->message, message, sizeof sink->message - 1);
  png_longjmp(png, 1);
}

void pass_over(png_structp /*png*/, png_const_charp /*message*/) {}

void append(png_structp png, png_bytep data, std::size_t size) {
  auto* const sink = static_cast<Sink*>(png_get_io_ptr(png));
  const std::span<const std::byte> bytes = std::as_bytes(std::span(data, size));
  try {
    sink->bytes->insert(sink->bytes->end(), bytes.begin(), bytes.end());
    return;
  } catch (const std::bad_alloc&) {
    // Nothing is thrown through C.
  }
  png_error(png, "there is no memory for the file");
}

bool is_keyword(std::string_view word) {
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ' ';
  };
  return !word.empty() && word.size() <= 79 && word.front() != ' ' && word.back() != ' ' &&
         std::ranges::all_of(word, allowed);
}

/// False when it failed, as the sink says.
bool write(Sink& sink, png_structp png, png_infop info, PictureSize size,
           std::vector<png_text>& notes, std::vector<png_bytep>& rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_write_fn(png, &sink, append, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(size.width),
               static_cast<png_uint_32>(size.height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!notes.empty()) png_set_text(png, info, notes.data(), static_cast<int>(notes.size()));
  png_set_rows(png, info, rows.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  return true;
}

}  // namespace

std::vector<std::byte> encode_png(const Picture& picture, std::span<const PictureNote> notes) {
  std::vector<std::byte> out;
  // libpng writes through no pointer of these.
  std::vector<png_text> texts;
  for (const PictureNote& note : notes) {
    if (!is_keyword(note.keyword))
      throw InvalidArgument("{} can't be the keyword of a note in a PNG file", note.keyword);
    const bool plain = std::ranges::all_of(note.text, [](char c) {
      return c == '\n' ||
             (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F);
    });
    png_text text{};
    text.compression = plain ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    text.key = const_cast<char*>(note.keyword.c_str());
    text.text = const_cast<char*>(note.text.c_str());
    texts.push_back(text);
  }
  std::vector<png_bytep> rows;
  for (int y = 0; y < picture.height(); ++y)
    rows.push_back(const_cast<png_bytep>(picture.row(y).data()));
  Sink sink{&out};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, leave, pass_over);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  const bool written = info != nullptr && write(sink, png, info, picture.size(), texts, rows);
  png_destroy_write_struct(&png, &info);
  if (!written) {
    throw ResourceExhausted("a PNG file of {} x {} pixels can't be made: {}", picture.width(),
                            picture.height(), sink.message[0] != 0 ? sink.message : "no memory");
  }
  return out;
}

}  // namespace sirocco
