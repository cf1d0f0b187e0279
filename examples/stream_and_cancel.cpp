// An answer that is shown as it is written, and one that is given up.
//
//   example_stream_and_cancel MODEL QUESTION

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "sirocco/engine/sirocco.hpp"

namespace {

sirocco::TextRequest ask(const sirocco::LoadedModel& model, const std::string& question) {
  const sirocco::ChatFormat format = model.chat_format();
  sirocco::ChatContext context;
  context.messages = sirocco::messages_of({.system = "", .messages = {{"user", question}}});
  const sirocco::RenderedPrompt prompt = format.render(std::move(context));

  sirocco::TextRequest request;
  request.prompt = sirocco::tokenize_prompt(model.tokenizer(), prompt.segments());
  request.sampling.temperature = 0;
  request.own_text = true;
  return request;
}

/// Prints how an answer ended.
void report(std::string_view name, const sirocco::Completion& answer) {
  const std::string reason(sirocco::finish_reason_name(answer.reason));
  std::printf("%.*s: %s after %lld tokens\n", static_cast<int>(name.size()), name.data(),
              reason.c_str(), static_cast<long long>(answer.usage.generated));
  if (answer.error) std::printf("  %s\n", answer.message.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: example_stream_and_cancel MODEL QUESTION\n");
    return 2;
  }
  try {
    // What is made later stands on what was made before, and so they go in the opposite order.
    sirocco::Machine machine;
    const sirocco::LoadedModel model = sirocco::load_language_model(machine, argv[1]);
    sirocco::Engine engine(machine);
    sirocco::LanguageSession session(engine, engine.add(model.shared_pipeline()),
                                     model.tokenizer());
    engine.start();  // from now on a thread of the engine's own computes

    sirocco::TextRequest question = ask(model, argv[2]);
    question.max_tokens = 40;
    sirocco::TextStream shown = session.submit(std::move(question));
    sirocco::TextStream given_up = session.submit(ask(model, "Tell me a very long story."));

    // Both are being written. What nobody has taken yet waits.
    while (const auto text = shown.next()) {
      std::fputs(text->c_str(), stdout);
      std::fflush(stdout);
    }
    std::puts("");
    given_up.cancel();

    report("shown", shown.completion());
    report("given up", given_up.wait());
  } catch (const sirocco::Error& e) {
    std::fprintf(stderr, "%s: %s\n", std::string(sirocco::error_traits(e.kind()).name).c_str(),
                 e.what());
    return sirocco::error_traits(e.kind()).exit_code;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
