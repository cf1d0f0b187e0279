#include "sirocco/formats/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "sirocco/base/error.hpp"
#include "sirocco/formats/folder.hpp"
#include "sirocco/formats/gguf.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

/// What a file that isn't a model of ours often is, by its first bytes.
struct KnownContent {
  std::string_view begin;
  std::string_view what;
  std::string_view advice;
};

constexpr std::array kKnownContents = {
    KnownContent{"version https://git-lfs", "a Git LFS pointer, not the file it stands for",
                 "fetch the file itself (git lfs pull)"},
    KnownContent{"<!DOCTYPE", "a web page", "download the model file itself"},
    KnownContent{"<!doctype", "a web page", "download the model file itself"},
    KnownContent{"<html", "a web page", "download the model file itself"},
    KnownContent{"PK\x03\x04", "a ZIP archive or a PyTorch checkpoint", "convert it to GGUF"},
    KnownContent{"tjgg", "a model in the GGJT format that came before GGUF", "convert it to GGUF"},
    KnownContent{"fmgg", "a model in the GGMF format that came before GGUF", "convert it to GGUF"},
    KnownContent{"lmgg", "a model in the GGML format that came before GGUF", "convert it to GGUF"},
};

/// A safetensors file begins with the length of its header as 64 bits, then the header, in JSON.
bool looks_like_safetensors(std::string_view content) {
  return content.size() > 9 && content[8] == '{' && content[7] == '\0';
}

[[noreturn]] void unknown_content(const MappedFile& file, std::string_view content) {
  const std::string path = printable(file.path());
  for (const KnownContent& known : kKnownContents) {
    if (content.starts_with(known.begin)) {
      throw UnsupportedError("{}: is {}, not a GGUF model; {}", path, known.what, known.advice);
    }
  }
  if (looks_like_safetensors(content)) {
    throw UnsupportedError(
        "{}: is a safetensors file, the weights of a model; name the folder that holds its "
        "config.json too",
        path);
  }
  throw UnsupportedError(
      "{}: begins with {}, which is no model that sirocco opens; name a GGUF model (.gguf) or "
      "the folder of a Hugging Face model",
      path, quoted(content.substr(0, 8)));
}

}  // namespace

Checkpoint open_checkpoint(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_folder(path);
  MappedFile file(path);
  const std::string_view content(reinterpret_cast<const char*>(file.bytes().data()), file.size());
  if (!content.starts_with(kGgufMagic)) unknown_content(file, content);
  return open_gguf(std::move(file));
}

}  // namespace sirocco
