#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sirocco/cli/command.hpp"
#include "sirocco/cli/command_line.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/cli/model_store.hpp"
#include "sirocco/cli/terminal_text.hpp"
#include "sirocco/hub/model_store.hpp"
#include "sirocco/platform/byte_text.hpp"

namespace sirocco {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const StoredModel& model) {
  Json out;
  out["name"] = model.name;
  out["path"] = model.path.string();
  out["format"] = model.format;
  out["bytes"] = model.bytes;
  out["date"] = model.date;
  if (!model.commit.empty()) {
    out["revision"] = model.revision;
    out["commit"] = model.commit;
  }
  return out;
}

void list(bool as_json) {
  const ModelStore store(model_store());
  const std::vector<StoredModel> models = store.list();
  if (as_json) {
    Json out = Json::array();
    for (const StoredModel& model : models) out.push_back(to_json(model));
    write_output(out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  if (models.empty()) {
    fmt::print(stderr, "no models in {}; sirocco pull ORG/NAME fetches one\n",
               terminal_safe(store.root().string()));
    return;
  }
  std::size_t widest = 0;
  for (const StoredModel& model : models) widest = std::max(widest, model.name.size());
  std::string out;
  for (const StoredModel& model : models) {
    out += fmt::format("{:{}}  {:>9}  {:11}  {}\n", model.name, widest, byte_text(model.bytes),
                       model.format, model.date.substr(0, 10));
  }
  write_output(terminal_safe(out));
}

}  // namespace

void declare_list(CommandLine& app) {
  const auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "print JSON");
  app.callback([json] { list(*json); });
}

}  // namespace sirocco
