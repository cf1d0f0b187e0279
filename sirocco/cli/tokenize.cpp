#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "sirocco/base/error.hpp"
#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/engine/text_source.hpp"
#include "sirocco/text/tokenizer.hpp"

namespace sirocco {
namespace {

struct Options {
  std::string model;
  std::vector<std::string> words;
  bool ids = false;
  bool json = false;
  bool special = false;
};

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

void tokenize(const Options& options) {
  const Tokenizer tokenizer = open_tokenizer(resolve_model(options.model));
  const std::string text = options.words.empty() ? read_standard_input() : joined(options.words);
  const std::vector<TokenId> tokens =
      tokenizer.tokenize(text, {.parse_special = options.special, .add_special = options.special});
  std::string out = options.json ? "[" : "";
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (options.json) {
      fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ", ", tokens[i].value());
    } else if (options.ids) {
      fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : " ", tokens[i].value());
    } else {
      std::string piece;
      tokenizer.append_bytes(tokens[i], piece);
      fmt::format_to(std::back_inserter(out), "{}  {}\n", tokens[i].value(),
                     sirocco::quoted(piece, piece.size()));
    }
  }
  if (options.json) out += "]";
  if (options.json || options.ids) out += "\n";
  write_output(out);
}

void detokenize(const Options& options) {
  const Tokenizer tokenizer = open_tokenizer(resolve_model(options.model));
  const std::string text = options.words.empty() ? read_standard_input() : joined(options.words);
  write_output(tokenizer.detokenize(parse_token_ids(text), {.show_control = options.special}));
}

}  // namespace

void declare_tokenize(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("-m,--model", options->model,
                 "model file, folder or name; any that holds a vocabulary will do");
  const Option ids = app.add_flag("--ids", options->ids, "print the ids only, separated by spaces");
  app.add_flag("--json", options->json, "print the ids as a JSON array").excludes(ids);
  app.add_flag("--special", options->special,
               "parse special tokens, and add those that the model adds");
  app.add_option("text", options->words, "the text; standard input, byte for byte, without");
  app.callback([options] { tokenize(*options); });
}

void declare_detokenize(CommandLine& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("-m,--model", options->model,
                 "model file, folder or name; any that holds a vocabulary will do");
  app.add_flag("--special", options->special, "show control tokens as text");
  app.add_option("ids", options->words,
                 "token ids, separated by spaces or commas (beyond the vocabulary they stand for "
                 "nothing); standard input without");
  app.callback([options] { detokenize(*options); });
}

}  // namespace sirocco
