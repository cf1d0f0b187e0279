#include "sirocco/cli/conversation_file.hpp"

#include "sirocco/base/error.hpp"
#include "sirocco/cli/input.hpp"
#include "sirocco/platform/atomic_file.hpp"

namespace sirocco {

void save_conversation(const Conversation& conversation, const std::filesystem::path& path) {
  AtomicFile file(path);
  file.write(conversation.json(2) + "\n");
  file.commit();
}

Conversation load_conversation(const std::filesystem::path& path) {
  return parse_conversation(read_file(path), sirocco::quoted(path.string(), 400));
}

}  // namespace sirocco
