// Two questions to one model, answered at the same time.
//
//   example_two_questions MODEL QUESTION QUESTION

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "sirocco/engine/sirocco.hpp"

int main(int argc, char** argv) {
  using namespace sirocco;
  if (argc != 4) {
    std::fprintf(stderr, "usage: example_two_questions MODEL QUESTION QUESTION\n");
    return 2;
  }
  try {
    Machine machine;
    const LoadedModel model = load_language_model(machine, argv[1]);
    const Tokenizer& tokenizer = model.tokenizer();
    const ChatFormat format = model.chat_format();

    Engine engine(machine);
    LanguageSession session(engine, engine.add(model.shared_pipeline()), tokenizer);
    engine.start();

    std::vector<TextStream> answers;
    for (const char* question : {argv[2], argv[3]}) {
      const Conversation conversation{.system = "", .messages = {{"user", question}}};
      ChatContext context;
      context.messages = messages_of(conversation);
      TextRequest request;
      request.sampling.temperature = 0;
      request.max_tokens = 100;
      request.own_text = true;
      const RenderedPrompt prompt = format.render(std::move(context));
      request.prompt = tokenize_prompt(tokenizer, prompt.segments());
      answers.push_back(session.submit(std::move(request)));
    }
    for (TextStream& answer : answers) {
      while (const auto text = answer.next()) std::fputs(text->c_str(), stdout);
      std::fputs("\n", stdout);
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
