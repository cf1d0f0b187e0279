#include "sirocco/text/readers/sentencepiece_file.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "sirocco/base/error.hpp"
#include "sirocco/base/utf8.hpp"

namespace sirocco {
namespace {

constexpr std::size_t kMaxPieceBytes = 1024;

// How the value of a field is written (protobuf.dev, "Encoding").
enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;  // of a number, as its bits
  std::string_view bytes;
};

/// The fields of one message, in order.
class Message {
 public:
  Message(std::string_view bytes, std::string_view name, std::string_view origin)
      : rest_(bytes), name_(name), origin_(origin) {}

  /// The next field, or nothing at the end.
  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t tag = varint();
    Field field;
    field.number = static_cast<std::uint32_t>(std::min<std::uint64_t>(tag >> 3U, UINT32_MAX));
    field.type = static_cast<WireType>(tag & 7U);
    switch (field.type) {
      case WireType::kVarint:
        field.value = varint();
        return field;
      case WireType::kFixed64:
        field.value = fixed(8);
        return field;
      case WireType::kFixed32:
        field.value = fixed(4);
        return field;
      case WireType::kBytes:
        field.bytes = take(varint());
        return field;
    }
    throw FormatError("{}: no model of SentencePiece: its {} has a field of type {}", origin_,
                      name_, tag & 7U);
  }

  std::string_view bytes(const Field& field) const {
    require(field, WireType::kBytes);
    return field.bytes;
  }
  std::string_view text(const Field& field) const {
    const std::string_view text = bytes(field);
    if (!is_utf8(text)) {
      throw FormatError("{}: {} in its {} is not UTF-8", origin_, quoted(text), name_);
    }
    return text;
  }
  bool flag(const Field& field) const { return number(field) != 0; }
  std::int32_t integer(const Field& field) const {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(number(field)));
  }
  float real(const Field& field) const {
    require(field, WireType::kFixed32);
    return std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
  }

 private:
  std::uint64_t number(const Field& field) const {
    require(field, WireType::kVarint);
    return field.value;
  }

  void require(const Field& field, WireType type) const {
    if (field.type == type) return;
    throw FormatError("{}: no model of SentencePiece: field {} of its {} is of type {}, not {}",
                      origin_, field.number, name_, static_cast<int>(field.type),
                      static_cast<int>(type));
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1).front());
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    throw FormatError("{}: no model of SentencePiece: its {} has a number of over ten bytes",
                      origin_, name_);
  }

  std::uint64_t fixed(std::size_t size) {
    const std::string_view bytes = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
  }

  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      throw FormatError(
          "{}: no model of SentencePiece, or cut short: its {} goes on for {} bytes, and {} are "
          "left",
          origin_, name_, size, rest_.size());
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  std::string_view name_;
  std::string_view origin_;
};

SentencePieceFile::Piece read_piece(std::string_view bytes, std::size_t id,
                                    std::string_view origin) {
  SentencePieceFile::Piece piece;
  Message message(bytes, "piece", origin);
  while (const auto field = message.next()) {
    if (field->number == 1) {
      piece.text = message.text(*field);
    } else if (field->number == 2) {
      piece.score = message.real(*field);
    } else if (field->number == 3) {
      const std::int32_t kind = message.integer(*field);
      if (kind < static_cast<int>(TokenKind::kNormal) ||
          kind > static_cast<int>(TokenKind::kByte)) {
        throw FormatError("{}: piece {} is of type {}; types go from 1 to 6", origin, id, kind);
      }
      piece.kind = static_cast<TokenKind>(kind);
    }
  }
  if (piece.text.empty()) throw FormatError("{}: piece {} has no text", origin, id);
  if (piece.text.size() > kMaxPieceBytes) {
    throw FormatError("{}: piece {} ({}) has {} bytes of at most {}", origin, id,
                      quoted(piece.text), piece.text.size(), kMaxPieceBytes);
  }
  if (!std::isfinite(piece.score)) {
    throw FormatError("{}: the score of piece {} ({}) is not a finite number", origin, id,
                      quoted(piece.text));
  }
  return piece;
}

void read_trainer(std::string_view bytes, std::string_view origin, SentencePieceFile& out) {
  Message message(bytes, "trainer_spec", origin);
  while (const auto field = message.next()) {
    switch (field->number) {
      case 3: {
        const std::int32_t algorithm = message.integer(*field);
        if (algorithm < 1 || algorithm > 4) {
          throw FormatError("{}: trainer_spec.model_type is {}; types go from 1 to 4", origin,
                            algorithm);
        }
        out.algorithm = static_cast<SentencePieceFile::Algorithm>(algorithm);
        out.names_algorithm = true;
        break;
      }
      case 24:
        out.treat_whitespace_as_suffix = message.flag(*field);
        break;
      case 35:
        out.byte_fallback = message.flag(*field);
        break;
      case 40:
        out.unk_id = message.integer(*field);
        break;
      case 41:
        out.bos_id = message.integer(*field);
        break;
      case 42:
        out.eos_id = message.integer(*field);
        break;
      case 45:
        out.unk_piece = message.text(*field);
        break;
      case 46:
        out.bos_piece = message.text(*field);
        break;
      case 47:
        out.eos_piece = message.text(*field);
        break;
      default:
        break;
    }
  }
}

void read_normalizer_spec(std::string_view bytes, std::string_view origin, SentencePieceFile& out) {
  Message message(bytes, "normalizer_spec", origin);
  while (const auto field = message.next()) {
    switch (field->number) {
      case 2:
        out.precompiled_charsmap = message.bytes(*field);
        break;
      case 3:
        out.add_dummy_prefix = message.flag(*field);
        break;
      case 4:
        out.remove_extra_whitespaces = message.flag(*field);
        break;
      case 5:
        out.escape_whitespaces = message.flag(*field);
        break;
      default:
        break;
    }
  }
}

}  // namespace

SentencePieceFile read_sentencepiece(std::string_view bytes, std::string_view origin) {
  SentencePieceFile out;
  Message message(bytes, "model", origin);
  while (const auto field = message.next()) {
    if (field->number == 1) {
      out.pieces.push_back(read_piece(message.bytes(*field), out.pieces.size(), origin));
    } else if (field->number == 2) {
      read_trainer(message.bytes(*field), origin, out);
    } else if (field->number == 3) {
      read_normalizer_spec(message.bytes(*field), origin, out);
    }
  }
  if (out.pieces.empty()) throw FormatError("{}: no model of SentencePiece: no pieces", origin);
  if (out.pieces.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw FormatError("{}: {} pieces; ids have 31 bits", origin, out.pieces.size());
  }
  return out;
}

}  // namespace sirocco
