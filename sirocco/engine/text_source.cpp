#include "sirocco/engine/text_source.hpp"

#include <optional>
#include <string>
#include <string_view>

#include "sirocco/formats/folder_files.hpp"
#include "sirocco/platform/mapped_file.hpp"

namespace sirocco {
namespace {

/// The folder whose files describe a tokenizer, when `path` is one or its tokenizer.json; or
/// nothing: an empty path.
std::filesystem::path folder_of(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return path;
  if (path.filename() != "tokenizer.json") return {};
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

/// A tokenizer.json of another name, and no file beside it.
class LoneTokenizer final : public CompanionFiles {
 public:
  explicit LoneTokenizer(const std::filesystem::path& path) : name_(path.string()), file_(path) {}

  std::optional<std::string_view> find(std::string_view name) const override {
    if (name != "tokenizer.json") return std::nullopt;
    return std::string_view(reinterpret_cast<const char*>(file_.bytes().data()), file_.size());
  }
  std::string origin(std::string_view /*name*/) const override { return name_; }

 private:
  std::string name_;
  MappedFile file_;
};

}  // namespace

Tokenizer make_tokenizer(const Checkpoint& checkpoint, LetterCase letters) {
  return checkpoint.files ? make_tokenizer(*checkpoint.files, letters)
                          : make_tokenizer(*checkpoint.metadata);
}

Tokenizer open_tokenizer(const std::filesystem::path& path) {
  if (const auto folder = folder_of(path); !folder.empty()) {
    return make_tokenizer(FolderFiles(folder));
  }
  if (path.extension() == ".json") return make_tokenizer(LoneTokenizer(path));
  return make_tokenizer(open_checkpoint(path));
}

ChatTemplates read_chat_templates(const Checkpoint& checkpoint) {
  return checkpoint.files ? read_chat_templates(*checkpoint.files)
                          : read_chat_templates(*checkpoint.metadata);
}

ChatFormat open_chat_format(const std::filesystem::path& path,
                            std::optional<std::string_view> name) {
  if (const auto folder = folder_of(path); !folder.empty()) {
    const FolderFiles files(folder);
    return make_chat_format(read_chat_templates(files), make_tokenizer(files), name);
  }
  const Checkpoint checkpoint = open_checkpoint(path);
  return make_chat_format(read_chat_templates(checkpoint), make_tokenizer(checkpoint), name);
}

}  // namespace sirocco
