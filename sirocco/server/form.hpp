#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sirocco/base/function_ref.hpp"
#include "sirocco/server/json/field.hpp"
#include "sirocco/server/json/value.hpp"

namespace sirocco {

/// A FormPart is a field of a form that was sent as `multipart/form-data` (RFC 7578).
struct FormPart {
  std::string name;       ///< well-formed UTF-8
  std::string_view data;  ///< its bytes, which lie in the body
  bool is_file = false;   ///< it was sent with the name of a file
};

/// FormLimits bound what a form may hold beside its data.
struct FormLimits {
  std::size_t max_parts = 256;
  std::size_t max_head_bytes = 4096;  ///< of a part
};

/// The boundary between the parts of a body of that Content-Type. Throws InvalidRequest unless it
/// is multipart/form-data with a boundary as RFC 2046 allows it.
std::string form_boundary(std::optional<std::string_view> content_type);

/// The parts of a body, in their order. Throws InvalidRequest for one that RFC 2046 and RFC 7578
/// don't allow, for parts in a transfer encoding, and beyond the limits.
std::vector<FormPart> parse_form(std::string_view body, std::string_view boundary,
                                 const FormLimits& limits = {});

/// The members of a JSON object that fields which aren't files say: their texts as what `expected`
/// tells of each name (null: nothing is known of it), as far as they can be, or else as texts.
/// Those called "name[]" are together an array "name"; an empty text is a field that was left out.
/// Throws InvalidRequest for a field that comes twice, or isn't UTF-8.
json::Value form_object(std::span<const FormPart> parts,
                        FunctionRef<const json::Expected*(std::string_view name)> expected);

}  // namespace sirocco
