#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "sirocco/formats/gguf_file_testing.hpp"
#include "tests/golden/golden_files_testing.hpp"
#include "tests/golden/golden_weights_testing.hpp"

namespace sirocco::testing {
namespace {

namespace fs = std::filesystem;

// --- GGUF ----------------------------------------------------------------------------------------

void write(const fs::path& path, const Bytes& begin, const Bytes& rest) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(begin.data()), std::ssize(begin));
  file.write(reinterpret_cast<const char*>(rest.data()), std::ssize(rest));
  if (!file.flush()) throw std::runtime_error("can't write " + path.string());
}

struct KeyType {
  std::string_view name;
  std::uint32_t id;
  void (*append)(const JsonValue&, GgufBytes&);
};

template <class T>
void append_whole(const JsonValue& value, GgufBytes& out) {
  out.number(static_cast<T>(as<std::int64_t>(value)));
}

constexpr KeyType kKeyTypes[] = {
    {"string", gguf_type::kString,
     [](const JsonValue& value, GgufBytes& out) { out.string(as<std::string>(value)); }},
    {"bool", gguf_type::kBool,
     [](const JsonValue& value, GgufBytes& out) { out.number<std::uint8_t>(as<bool>(value)); }},
    {"float32", gguf_type::kF32,
     [](const JsonValue& value, GgufBytes& out) { out.number(static_cast<float>(number(value))); }},
    {"uint32", gguf_type::kU32, append_whole<std::uint32_t>},
    {"int32", gguf_type::kI32, append_whole<std::int32_t>},
    {"uint64", gguf_type::kU64, append_whole<std::uint64_t>},
};

/// A key as [name, type, value]; "array:TYPE" for several values.
void add_key(const JsonValue& key, GgufTestFile& file) {
  const auto& parts = as<JsonValue::Array>(key);
  std::string_view type = as<std::string>(parts.at(1));
  const bool several = type.starts_with("array:");
  if (several) type.remove_prefix(6);
  const auto* const row = std::ranges::find(kKeyTypes, type, &KeyType::name);
  if (row == std::end(kKeyTypes)) throw std::runtime_error(fmt::format("no key type '{}'", type));
  GgufBytes value;
  if (several) {
    const auto& values = as<JsonValue::Array>(parts.at(2));
    value.number(row->id).number<std::uint64_t>(values.size());
    for (const JsonValue& each : values) row->append(each, value);
  } else {
    row->append(parts.at(2), value);
  }
  file.entry(as<std::string>(parts.at(0)), several ? gguf_type::kArray : row->id, value);
}

void make_gguf_files(const JsonValue& gguf, const std::vector<Weight>& weights,
                     const fs::path& out) {
  std::vector<View> views;
  std::vector<Floats> values;
  for (const JsonValue& tensor : array(gguf, "values")) {
    for (Floats& made = values.emplace_back(); const JsonValue& each : array(tensor, "values"))
      made.push_back(static_cast<float>(number(each)));
    View& view = views.emplace_back();
    view.name = text(tensor, "name");
    view.shape = {std::ssize(values.back())};
  }
  for (const Weight& weight : weights) {
    for (const View& view : weight.gguf) {
      views.push_back(view);
      values.push_back(values_of(view, weight));
    }
  }
  const JsonValue::Array& files = array(gguf, "files");
  for (std::size_t f = 0; f < files.size(); ++f) {
    GgufTestFile file;
    for (const JsonValue& key : array(gguf, "keys")) add_key(key, file);
    for (const JsonValue& key : as<JsonValue::Array>(array(gguf, "own_keys").at(f)))
      add_key(key, file);
    const auto& usual = as<std::string>(array(gguf, "formats").at(f));
    Bytes data;
    for (std::size_t i = 0; i < views.size(); ++i) {
      const View& view = views[i];
      const Format& format = format_named(!view.formats.empty()    ? view.formats.at(f)
                                          : view.shape.size() == 1 ? "F32"
                                                                   : usual);
      std::vector<std::uint64_t> dims;
      for (const std::int64_t extent : std::views::reverse(view.shape))
        dims.push_back(static_cast<std::uint64_t>(extent));
      file.describe(view.name, dims, static_cast<std::uint32_t>(format.id), data.size());
      const Bytes bytes = encoded(values[i], format);
      data.insert(data.end(), bytes.begin(), bytes.end());
      data.resize((data.size() + file.alignment - 1) / file.alignment * file.alignment);
    }
    write(out / as<std::string>(files[f]), file.header().pad(file.alignment).bytes(), data);
  }
}

// --- folders -------------------------------------------------------------------------------------

struct Stored {
  std::string name;
  std::string dtype;
  Shape shape;
  Bytes bytes;
};

/// As the library that everybody writes with orders them: by type, the widest first, then by name.
void write_safetensors(const fs::path& path, std::vector<Stored> tensors) {
  const auto width = [](const Stored& tensor) {
    const std::string_view kinds[] = {"U8", "F16", "BF16", "F32"};
    return std::ranges::find(kinds, tensor.dtype) - kinds;
  };
  std::ranges::sort(tensors, [&](const Stored& a, const Stored& b) {
    return std::pair(-width(a), std::string_view(a.name)) <
           std::pair(-width(b), std::string_view(b.name));
  });
  std::string header = R"({"__metadata__":{"format":"pt"})";
  Bytes data;
  for (const Stored& tensor : tensors) {
    std::string shape;
    for (const std::int64_t extent : tensor.shape)
      shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    const std::size_t begin = data.size();
    data.insert(data.end(), tensor.bytes.begin(), tensor.bytes.end());
    header += fmt::format(R"(,"{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                          tensor.name, tensor.dtype, shape, begin, data.size());
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  write(path,
        GgufBytes().number<std::uint64_t>(header.size()).raw(std::string_view(header)).bytes(),
        data);
}

/// Blocks and scales apart, and neighbours in a byte.
void add_packed(const View& view, const Floats& values, std::vector<Stored>& out) {
  const Bytes blocks = encoded(values, format_named("MXFP4"));
  constexpr std::size_t kBytes = 1 + kMxFp4Block / 2;
  Stored packed{view.name + "_blocks", "U8", view.shape, {}};
  Stored scales{view.name + "_scales", "U8", view.shape, {}};
  packed.shape.back() /= kMxFp4Block;
  scales.shape.back() /= kMxFp4Block;
  packed.shape.push_back(kMxFp4Block / 2);
  for (std::size_t at = 0; at < blocks.size(); at += kBytes) {
    scales.bytes.push_back(blocks[at]);
    const auto element = [&](std::size_t i) {
      return blocks[at + 1 + i % (kMxFp4Block / 2)] >> (i < kMxFp4Block / 2 ? 0 : 4) &
             std::byte{15};
    };
    for (std::size_t i = 0; i < kMxFp4Block; i += 2)
      packed.bytes.push_back(element(i) | element(i + 1) << 4);
  }
  out.push_back(std::move(packed));
  out.push_back(std::move(scales));
}

/// Weights in the forms that they have in the folder, or as they are.
std::vector<Stored> folder_tensors(const std::vector<Weight>& weights) {
  std::vector<Stored> out;
  for (const Weight& weight : weights) {
    const Format& format = format_named(weight.dtype);
    if (weight.folder.empty())
      out.push_back({weight.name, weight.dtype, weight.shape, encoded(weight.values, format)});
    for (const View& view : weight.folder)
      out.push_back(
          {view.name, weight.dtype, view.shape, encoded(values_of(view, weight), format)});
  }
  return out;
}

/// The same of the folder with packed experts.
std::vector<Stored> packed_tensors(const std::vector<Weight>& weights) {
  std::vector<Stored> out;
  for (const Weight& weight : weights) {
    if (weight.packed.empty())
      out.push_back({weight.name, weight.dtype, weight.shape,
                     encoded(weight.values, format_named(weight.dtype))});
    for (const View& view : weight.packed) add_packed(view, values_of(view, weight), out);
  }
  return out;
}

/// Which file of a folder holds a tensor: the one that the folder's index names, or the only one.
class WeightFiles {
 public:
  explicit WeightFiles(const fs::path& folder) {
    for (const char* stem : {"model", "diffusion_pytorch_model"}) {
      const fs::path index = folder / fmt::format("{}.safetensors.index.json", stem);
      if (fs::exists(index)) index_ = parse_json(read_text(index), index.native());
    }
    const fs::path config = folder / "config.json";
    if (fs::exists(config) &&
        parse_json(read_text(config), config.native()).member("_diffusers_version") != nullptr)
      only_ = "diffusion_pytorch_model.safetensors";
  }

  std::string file_of(const std::string& tensor) const {
    const JsonValue* const map = index_.member("weight_map");
    return map != nullptr ? text(*map, tensor) : only_;
  }

 private:
  JsonValue index_;
  std::string only_ = "model.safetensors";
};

/// A folder's own files, and its weights in the files that its index names; what has a path in its
/// name in the files of that folder below.
void make_folder(const fs::path& recorded, const fs::path& out, std::vector<Stored> tensors) {
  fs::copy(recorded, out, fs::copy_options::recursive);
  std::map<std::string, WeightFiles> folders;
  std::map<std::string, std::vector<Stored>> files;
  for (Stored& tensor : tensors) {
    std::string below;
    if (const auto at = tensor.name.rfind('/'); at != std::string::npos) {
      below = tensor.name.substr(0, at + 1);
      tensor.name.erase(0, at + 1);
    }
    const WeightFiles& holds = folders.try_emplace(below, recorded / below).first->second;
    files[below + holds.file_of(tensor.name)].push_back(std::move(tensor));
  }
  for (auto& [file, held] : files) write_safetensors(out / file, std::move(held));
}

}  // namespace

void make_golden_files(const fs::path& description, const fs::path& out) {
  const JsonValue model = parse_json(read_text(description), description.native());
  try {
    const std::vector<Weight> weights = make_weights(model);
    if (const JsonValue* const gguf = model.member("gguf")) make_gguf_files(*gguf, weights, out);
    for (const char* kind : {"folder", "packed"}) {
      const JsonValue* const name = model.member(kind);
      if (name == nullptr) continue;
      const bool packed = std::string_view(kind) == "packed";
      make_folder(description.parent_path() / as<std::string>(*name), out / as<std::string>(*name),
                  packed ? packed_tensors(weights) : folder_tensors(weights));
    }
  } catch (const std::exception& e) {
    throw std::runtime_error(fmt::format("{}: {}", description.native(), e.what()));
  }
}

}  // namespace sirocco::testing
