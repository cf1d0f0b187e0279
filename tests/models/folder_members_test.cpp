// What members of config.json and tensors mean: as transformers has it, or refused by name.
#include <functional>

#include "sirocco/base/error.hpp"
#include "sirocco/models/registry.hpp"
#include "tests/models/golden_testing.hpp"

namespace sirocco::testing {
namespace {

/// A member of config.json with another value than the golden folder's.
struct Changed {
  std::string name;
  std::string member;  ///< a JSON pointer
  Json value;
};

Json changed_config(const Changed& changed) {
  Json config = read_json(kModels / changed.name / "config.json");
  config[Json::json_pointer(changed.member)] = changed.value;
  return config;
}

Json read_config(const std::string& name) { return read_json(kModels / name / "config.json"); }

void leave_out(Json& config, const std::string& member) {
  const Json::json_pointer pointer(member);
  config[pointer.parent_pointer()].erase(pointer.back());
}

/// The logits of a golden folder's weights under another description.
Rows logits_under(const Json& config, const std::string& name) {
  const Scratch folder;
  folder.write("config.json", config.dump());
  folder.link_weights_of(name);
  return logits(folder.path(), name);
}

/// The error that comes instead of them.
std::string refusal(const Json& config, const std::string& name) {
  try {
    logits_under(config, name);
  } catch (const Error& e) {
    return e.what();
  }
  return "it was run";
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\n  lacks: " << part;
}

/// What transformers computes from folders that are described otherwise.
TEST(FolderMembers, MeanWhatTheyMeanToTransformers) {
  const Json recorded = read_json(kGolden / "folders/descriptions.json");
  for (const Json& d : recorded["descriptions"]) {
    SCOPED_TRACE(d["name"].get<std::string>() + ": " + d["shows"].get<std::string>());
    const std::string name = d["folder"];
    Json config = read_config(name);
    for (const Json& member : d["leaves_out"]) leave_out(config, member);
    for (const auto& [member, value] : d["has"].items()) config[Json::json_pointer(member)] = value;
    expect_near(logits_under(config, name), recorded_logits(d, d["logits"], "folders"));
  }
}

/// What transformers computes otherwise with it, or can't compute, is refused and named.
TEST(FolderMembers, ThatAskForAnotherComputationAreRefused) {
  const Changed cases[] = {
      {"llama-gqa", "/hidden_act", "gelu"},
      {"llama-gqa", "/partial_rotary_factor", 0.5},
      {"gemma2", "/use_bidirectional_attention", true},
      {"gemma3", "/attn_logit_softcapping", 2.0},
      {"gpt-oss", "/attention_bias", false},
      {"gemma3", "/rope_parameters/sliding_attention/rope_type", "linear"},
      {"gemma3", "/rope_parameters/sliding_attention/type", "linear"},
      {"deepseek2", "/mlp_bias", true},
      {"deepseek3", "/rope_interleave", nullptr},
      {"llama-gqa", "/per_layer_config", {{"1", {{"head_dim", 20}}}}},
      {"llama-gqa", "/rope_parameters/full_attention", {{"rope_type", "default"}}},
  };
  for (const Changed& changed : cases) {
    SCOPED_TRACE(changed.name + changed.member);
    expect_contains(refusal(changed_config(changed), changed.name),
                    changed.member.substr(changed.member.rfind('/') + 1));
  }
}

/// A null that the class has no meaning for is refused and named.
TEST(FolderMembers, ThatAreNullAndMustNotBeAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"llama-gqa", "/rms_norm_eps"},
      {"llama-gqa", "/hidden_act"},
      {"llama-gqa", "/tie_word_embeddings"},
      {"llama-bias", "/attention_bias"},
      {"llama-bias", "/mlp_bias"},
      {"llama-gqa", "/rope_parameters/rope_theta"},
      {"llama-gqa", "/rope_parameters/rope_type"},
      {"llama-rope3", "/rope_parameters/original_max_position_embeddings"},
      {"qwen2", "/use_sliding_window"},
      {"qwen3moe", "/norm_topk_prob"},
      {"gemma2", "/sliding_window"},
      {"gemma2", "/query_pre_attn_scalar"},
      {"gemma3", "/max_position_embeddings"},
      {"gpt2", "/layer_norm_epsilon"},
      {"phi2", "/rope_parameters/partial_rotary_factor"},
      {"gpt-oss", "/rope_parameters/factor"},
      {"deepseek2", "/topk_method"},
      {"deepseek3", "/n_group"},
  };
  for (const auto& [name, member] : cases) {
    SCOPED_TRACE(std::string(name) + member);
    const std::string found = refusal(changed_config({name, member, nullptr}), name);
    expect_contains(found, "null");
    expect_contains(found, std::string(member).substr(std::string(member).rfind('/') + 1));
  }
}

/// A model that is said to have a head of its own, or isn't said to have none, isn't run with the
/// token table in its place.
TEST(FolderMembers, AHeadOfItsOwnMustBeThere) {
  for (const char* name : {"gpt2", "qwen2", "gemma2"}) {
    SCOPED_TRACE(name);
    expect_contains(refusal(changed_config({name, "/tie_word_embeddings", false}), name),
                    "the head is missing");
  }
  Json config = read_config("qwen2");
  leave_out(config, "/tie_word_embeddings");
  expect_contains(refusal(config, "qwen2"), "the head is missing");
}

/// What is the business of other families changes nothing, as in transformers.
TEST(FolderMembers, OfOtherFamiliesChangeNothing) {
  const Changed cases[] = {
      {"llama-rope3", "/sliding_window", 9},
      {"gemma2", "/sliding_window_pattern", 3},
      {"gemma3", "/_sliding_window_pattern", 3},
      // Beside parameters a kind those of all kinds count for nothing.
      {"gemma3", "/rope_parameters/rope_theta", 77.0},
  };
  for (const Changed& changed : cases) {
    SCOPED_TRACE(changed.name + changed.member);
    Json config = changed_config(changed);
    config.erase("layer_types");
    expect_same_bits(logits_under(config, changed.name),
                     logits(kModels / changed.name, changed.name));
  }
}

/// A member that is left out means what the class of transformers has as its default.
TEST(FolderMembers, LeftOutMeanTheDefault) {
  const Changed defaults[] = {
      {"gemma2", "/query_pre_attn_scalar", 256},
      {"gemma3", "/query_pre_attn_scalar", 256},
      {"gemma3", "/final_logit_softcapping", nullptr},
      {"llama-gqa", "/rms_norm_eps", 1e-6},
      {"mixtral-wide", "/rms_norm_eps", 1e-5},
      {"mixtral-wide", "/num_experts_per_tok", 2},
      {"mixtral-wide", "/rope_parameters/rope_theta", 1e6},
      {"mistral", "/sliding_window", 4096},
      {"mistral", "/max_position_embeddings", 131072},
      {"qwen3moe", "/norm_topk_prob", false},
      {"llama-rope3", "/rope_parameters/original_max_position_embeddings", 256},
      {"phi2", "/rope_parameters/partial_rotary_factor", 0.5},
      {"deepseek2", "/n_shared_experts", 2},
      {"deepseek2", "/topk_method", "greedy"},
      {"deepseek3", "/n_shared_experts", 1},
      {"deepseek3", "/norm_topk_prob", true},
      {"deepseek3", "/routed_scaling_factor", 2.5},
      {"gpt-oss", "/sliding_window", 128},
      {"gpt-oss", "/rms_norm_eps", 1e-5},
      {"gpt-oss", "/rope_parameters/truncate", true},
  };
  for (const Changed& given : defaults) {
    SCOPED_TRACE(given.name + given.member);
    Json config = changed_config(given);
    const Rows expected = logits_under(config, given.name);
    leave_out(config, given.member);
    expect_same_bits(logits_under(config, given.name), expected);
  }
}

/// A member that is null means another thing than one that is left out.
TEST(FolderMembers, ThatAreNullMeanThatThereIsNone) {
  const Changed nulls[] = {
      {"gpt-oss", "/rope_parameters/truncate", false},
      {"deepseek3", "/norm_topk_prob", false},
      {"deepseek2", "/rope_parameters/beta_fast", 32.0},
      {"qwen3", "/num_key_value_heads", 6},
  };
  for (const Changed& same : nulls) {
    SCOPED_TRACE(same.name + same.member);
    const std::string found = refusal(changed_config(same), same.name);
    Json config = changed_config({same.name, same.member, nullptr});
    // Where that many heads don't fit the tensors, both are refused alike.
    EXPECT_EQ(refusal(config, same.name), found);
    if (found != "it was run") continue;
    expect_same_bits(logits_under(config, same.name),
                     logits_under(changed_config(same), same.name));
  }
}

/// "rope_scaling" comes before "rope_parameters", as it does in transformers.
TEST(FolderMembers, TheOldNameOfRotaryParametersComesFirst) {
  Json config = read_config("llama-bias");
  const Rows expected = logits_under(config, "llama-bias");
  config["rope_scaling"] = config["rope_parameters"];
  config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 77.0}};
  expect_same_bits(logits_under(config, "llama-bias"), expected);
}

/// The weights of a golden folder under other names, with one tensor of zeros more where it has a
/// name.
std::string renamed_weights(const fs::path& model,
                            const std::function<std::string(const std::string&)>& rename,
                            const std::string& more = "") {
  std::ifstream file(model / "model.safetensors", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  std::string data = bytes.substr(sizeof length + length);
  Json header;
  const Json described = Json::parse(bytes.substr(sizeof length, length));
  for (const auto& [key, value] : described.items()) {
    if (key != "__metadata__") header[rename(key)] = value;
  }
  if (!more.empty()) {
    header[more] = {
        {"dtype", "F32"}, {"shape", {2}}, {"data_offsets", {data.size(), data.size() + 8}}};
    data += std::string(8, '\0');
  }
  const std::string text = header.dump();
  length = text.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + text + data;
}

/// What is said when a golden folder's tensors have other names.
std::string refusal_renamed(const std::string& name,
                            const std::function<std::string(const std::string&)>& rename,
                            const std::string& more = "") {
  const Scratch folder;
  folder.write("config.json", read_config(name).dump());
  folder.write("model.safetensors", renamed_weights(kModels / name, rename, more));
  try {
    logits(folder.path(), name);
  } catch (const Error& e) {
    return e.what();
  }
  return "it was run";
}

std::string as_it_is(const std::string& key) { return key; }

/// transformers drops biases that config.json denies, with a warning. Here they are refused, for
/// every family alike: the one or the other is wrong, and nobody can tell which from the answers.
TEST(FolderBiases, ThatConfigDeniesAreRefused) {
  for (const auto& [member, tensor] :
       {std::pair("attention_bias", ".self_attn."), std::pair("mlp_bias", ".mlp.")}) {
    SCOPED_TRACE(member);
    Json config = read_config("llama-bias");
    config[member] = false;
    const std::string denied = refusal(config, "llama-bias");
    expect_contains(denied, member);
    config.erase(member);
    EXPECT_EQ(refusal(config, "llama-bias"), denied);
    expect_contains(denied, tensor);
    expect_contains(denied, "_proj.bias' is there");
    // And those that it promises must be there.
    const std::string missing =
        refusal(changed_config({"llama-gqa", "/" + std::string(member), true}), "llama-gqa");
    expect_contains(missing, member);
    expect_contains(missing, tensor);
  }
}

TEST(FolderBiases, ThatNoModelOfTheFamilyHasAreRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {"mistral", "model.layers.1.self_attn.q_proj.bias"},
      {"mistral", "model.norm.bias"},
      {"mixtral-wide", "model.layers.1.mlp.gate.bias"},
      {"qwen2", "model.layers.1.self_attn.o_proj.bias"},
      {"qwen2", "model.layers.1.self_attn.q_norm.weight"},
      {"qwen3", "model.layers.1.mlp.down_proj.bias"},
      {"gemma2", "model.layers.1.mlp.down_proj.bias"},
      {"gemma3", "model.layers.1.self_attn.o_proj.bias"},
      {"gpt2", "lm_head.bias"},
      {"gpt-oss", "lm_head.bias"},
      {"deepseek2", "model.layers.1.self_attn.kv_b_proj.bias"},
  };
  for (const auto& [name, tensor] : cases) {
    SCOPED_TRACE(std::string(name) + " " + tensor);
    expect_contains(refusal_renamed(name, as_it_is, tensor),
                    "'" + std::string(tensor) + "' isn't known to architecture");
  }
}

/// A model isn't run without what its family has beside a tensor.
TEST(FolderBiases, ThatAreMissingAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"qwen2", "layers.1.self_attn.v_proj.bias"},
      {"qwen3", "layers.1.self_attn.q_norm.weight"},
      {"qwen3", "layers.0.self_attn.k_norm.weight"},
      {"gpt-oss", "layers.1.self_attn.sinks"},
      {"gpt-oss", "layers.2.mlp.router.bias"},
      {"gpt-oss", "layers.0.mlp.experts.down_proj_bias"},
      {"phi2", "lm_head.bias"},
      {"gpt2", "h.1.attn.c_attn.bias"},
      {"deepseek3", "layers.1.mlp.gate.e_score_correction_bias"},
  };
  for (const auto& [name, tensor] : cases) {
    SCOPED_TRACE(std::string(name) + " " + tensor);
    const auto without = [&](const std::string& key) {
      return key.ends_with(tensor) ? std::string("rotary_emb.inv_freq") : key;
    };
    expect_contains(refusal_renamed(name, without), "is missing");
  }
}

/// Weights and biases of norms as the first checkpoints of BERT call them.
TEST(OldNames, OfBertsNormsGiveTheSameBits) {
  const fs::path model = kMade / "embeddings/bert";
  int renamed = 0;
  const auto old_name = [&](std::string key) {
    for (const auto& [now, before] : {std::pair("LayerNorm.weight", "LayerNorm.gamma"),
                                      std::pair("LayerNorm.bias", "LayerNorm.beta")}) {
      if (!key.ends_with(now)) continue;
      ++renamed;
      return key.replace(key.size() - std::string(now).size(), std::string::npos, before);
    }
    return key;
  };
  const Scratch folder;
  folder.write("config.json", read_json(model / "config.json").dump());
  folder.write("model.safetensors", renamed_weights(model, old_name));
  EXPECT_EQ(renamed, 2 * (1 + 2 * 3));
  const auto tensors = [](const fs::path& path) {
    const Checkpoint opened = open_checkpoint(path);
    return std::pair(opened, canonical_checkpoint(opened.metadata, opened.weights).weights);
  };
  const auto [_, now] = tensors(model);
  const auto [kept, before] = tensors(folder.path());
  ASSERT_EQ(before->tensors().size(), now->tensors().size());
  for (const StoredTensor& expected : now->tensors()) {
    SCOPED_TRACE(expected.name);
    const StoredTensor* const found = before->find(expected.name);
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found->size_bytes(), expected.size_bytes());
    EXPECT_EQ(std::memcmp(found->bytes.data(), expected.bytes.data(), found->size_bytes()), 0);
  }
}

/// What transformers ties may be stored under either name.
TEST(FolderTables, MayHaveTheHeadsName) {
  for (const auto& [name, table] : {std::pair("gemma2", "model.embed_tokens.weight"),
                                    std::pair("qwen2", "model.embed_tokens.weight"),
                                    std::pair("gpt2", "transformer.wte.weight")}) {
    SCOPED_TRACE(name);
    int renamed = 0;
    const auto as_head = [&](const std::string& key) {
      renamed += key == table ? 1 : 0;
      return key == table ? std::string("lm_head.weight") : key;
    };
    Json config = read_config(name);
    const auto with = [&] {
      const Scratch folder;
      folder.write("config.json", config.dump());
      folder.write("model.safetensors", renamed_weights(kModels / name, as_head));
      return logits(folder.path(), name);
    };
    expect_same_bits(with(), logits(kModels / name, name));
    EXPECT_EQ(renamed, 1);
    const auto refused = [&] {
      try {
        with();
      } catch (const FormatError& e) {
        return std::string(e.what());
      }
      return std::string("it was run");
    };
    config["tie_word_embeddings"] = false;
    expect_contains(refused(), "tensor '" + std::string(table) + "' is missing");
    config.erase("tie_word_embeddings");
    // Left out, it is what the class says.
    if (std::string_view(name) == "qwen2")
      expect_contains(refused(), "doesn't say that 'lm_head.weight' stands for it");
    else
      EXPECT_EQ(refused(), "it was run");
  }
}

/// BERT's is its guesser's of masked words.
TEST(FolderTables, OfAnEncoderMayHaveTheNameOfAHead) {
  const fs::path model = kMade / "embeddings/bert";
  const Scratch folder;
  folder.write("config.json", read_json(model / "config.json").dump());
  folder.write("model.safetensors", renamed_weights(model, [](const std::string& key) {
                 return key.ends_with("word_embeddings.weight") ? "cls.predictions.decoder.weight"
                                                                : key;
               }));
  const auto table = [](const Checkpoint& opened) {
    const auto canonical = canonical_checkpoint(opened.metadata, opened.weights);
    EXPECT_EQ(canonical.weights->find("output.weight"), nullptr);
    const StoredTensor* const tensor = canonical.weights->find("token_embd.weight");
    return std::vector<std::byte>(tensor->bytes.begin(), tensor->bytes.end());
  };
  EXPECT_EQ(table(open_checkpoint(folder.path())), table(open_checkpoint(model)));
}

/// They pass whatever they hold.
TEST(FolderTensors, ThatNoAnswerDependsOnChangeNothing) {
  const Rows expected = logits(kModels / "qwen2", "qwen2");
  for (const char* more :
       {"model.layers.0.self_attn.rotary_emb.inv_freq", "model.layers.1.self_attn.k_scale",
        "v_head.summary.weight", "score.weight", "mtp.fc.weight"}) {
    SCOPED_TRACE(more);
    const Scratch folder;
    folder.write("config.json", read_config("qwen2").dump());
    folder.write("model.safetensors", renamed_weights(kModels / "qwen2", as_it_is, more));
    expect_same_bits(logits(folder.path(), "qwen2"), expected);
  }
}

/// What is missing is named as the folder would name it.
TEST(FolderTensors, ThatAreMissingAreNamed) {
  for (const char* tensor :
       {"model.layers.1.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight",
        "model.layers.0.input_layernorm.weight", "model.norm.weight",
        "model.embed_tokens.weight"}) {
    const auto without = [&](const std::string& key) {
      return key == tensor ? std::string("rotary_emb.inv_freq") : key;
    };
    expect_contains(refusal_renamed("qwen2", without), "'" + std::string(tensor) + "'");
  }
}

/// A Gemma 3 that sees pictures is run as its text part, wherever the two generations of the
/// library keep that, and without the members that are its class's defaults.
TEST(FolderOfParts, ItsTextPartIsRun) {
  const std::string name = "gemma3";
  Json text = read_json(kModels / name / "config.json");
  for (const char* outside : {"architectures", "tie_word_embeddings", "rms_norm_eps"})
    text.erase(outside);
  const Json config = {{"architectures", {"Gemma3ForConditionalGeneration"}},
                       {"model_type", "gemma3"},
                       {"text_config", text},
                       {"vision_config", {{"hidden_size", 2}, {"model_type", "siglip"}}}};
  for (const char* prefix : {"language_model.model.", "model.language_model."}) {
    const Scratch folder;
    folder.write("config.json", config.dump());
    folder.write("model.safetensors",
                 renamed_weights(
                     kModels / name, [&](const std::string& key) { return prefix + key.substr(6); },
                     "vision_tower.bias"));
    expect_same_bits(logits(folder.path(), name), logits(kModels / name, name));
  }
}

TEST(FolderOfParts, ATensorThatNobodyKnowsIsNotLeftOut) {
  expect_contains(refusal_renamed("qwen2", as_it_is, "model.layers.1.self_attn.o_proj.scale"),
                  "o_proj.scale' isn't known to architecture qwen2");
}

}  // namespace
}  // namespace sirocco::testing
