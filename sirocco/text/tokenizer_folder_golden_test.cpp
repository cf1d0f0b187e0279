// Every folder of tests/golden/tokenizer_folders against transformers' AutoTokenizer.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sirocco/text/tokenizer_files.hpp"
#include "sirocco/text/tokenizer_golden_testing.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::json;

const Json& golden() {
  static const Json all = Json::parse(read_file(golden_folder("tokenizer_folders") + "cases.json"));
  return all;
}

MemoryFiles files_of(const Json& folder) {
  MemoryFiles::Map files;
  for (const auto& [name, content] : folder.at("files").items()) {
    const auto text = content.get<std::string>();
    files[name] = text.starts_with('@')
                      ? read_file(golden_folder("tokenizer_folders") + text.substr(1))
                      : text;
  }
  return MemoryFiles(std::move(files));
}

std::vector<TokenId> ids_of(const Json& numbers) {
  std::vector<TokenId> ids;
  for (const Json& number : numbers) ids.emplace_back(number.get<std::int32_t>());
  return ids;
}

// As `shown`, of what may be another vocabulary's.
std::string expected_ids(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  const bool known =
      std::ranges::all_of(ids, [&](TokenId id) { return tokenizer.vocabulary().contains(id); });
  return known ? shown(tokenizer, ids) : "ids that the vocabulary hasn't";
}

class FolderGolden : public testing::TestWithParam<std::size_t> {
 protected:
  const Json& folder() const { return golden().at("cases").at(GetParam()); }
};

TEST_P(FolderGolden, AgreesWithTheReference) {
  const Tokenizer tokenizer = make_tokenizer(files_of(folder()));
  EXPECT_EQ(tokenizer.vocabulary().size(), folder().at("size").get<std::size_t>());
  const auto text_of = [](std::size_t i) {
    return golden().at("strings").at(i).get<std::string>();
  };
  const auto compare = [&](const char* member, const TokenizeOptions& options) {
    const Json& expected = folder().at(member);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto ids = tokenizer.tokenize(text_of(i), options);
      EXPECT_EQ(ids, ids_of(expected.at(i)))
          << member << " " << quoted(text_of(i)) << " gave " << shown(tokenizer, ids)
          << "\n  and not " << expected_ids(tokenizer, ids_of(expected.at(i)));
    }
  };
  compare("ids", {.parse_special = true});
  compare("whole", {.parse_special = true, .add_special = true});

  std::vector<Json> sequences = folder().at("ids").get<std::vector<Json>>();
  for (const Json& more : folder().at("sequences")) sequences.push_back(more);
  const Json& texts = folder().at("texts");
  ASSERT_EQ(texts.size(), sequences.size());
  for (std::size_t i = 0; i < sequences.size(); ++i) {
    if (texts.at(i).is_null()) continue;
    const auto ids = ids_of(sequences.at(i));
    ASSERT_TRUE(
        std::ranges::all_of(ids, [&](TokenId id) { return tokenizer.vocabulary().contains(id); }))
        << "sequence " << i;
    EXPECT_EQ(tokenizer.detokenize(ids), texts.at(i).get<std::string>()) << shown(tokenizer, ids);
    EXPECT_EQ(streamed(tokenizer, ids), texts.at(i).get<std::string>()) << shown(tokenizer, ids);
  }

  const SpecialTokens& special = tokenizer.special();
  const std::pair<const char*, std::optional<TokenId>> roles[] = {{"eos", special.eos},
                                                                  {"pad", special.padding},
                                                                  {"sep", special.separator},
                                                                  {"mask", special.mask}};
  for (const auto& [role, id] : roles) {
    const Json& expected = folder().at("roles").at(role);
    EXPECT_EQ(id ? Json(id->value()) : Json(), expected) << role;
  }
  // [CLS] begins a text where nothing else does.
  const Json& roles_json = folder().at("roles");
  const Json& begins = roles_json.at("bos").is_null() ? roles_json.at("cls") : roles_json.at("bos");
  EXPECT_EQ(special.bos ? Json(special.bos->value()) : Json(), begins);
}

std::string case_name(const testing::TestParamInfo<std::size_t>& info) {
  auto name = golden().at("cases").at(info.param).at("name").get<std::string>();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Recorded, FolderGolden,
                         testing::Range<std::size_t>(0, golden().at("cases").size()), case_name);

}  // namespace
}  // namespace sirocco
