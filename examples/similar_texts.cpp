// How much alike texts are to a model of embeddings: the cosine of their vectors.
//
//   example_similar_texts MODEL TEXT TEXT…

#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

#include "sirocco/engine/sirocco.hpp"

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: example_similar_texts MODEL TEXT TEXT...\n");
    return 2;
  }
  try {
    sirocco::Machine machine;
    sirocco::EmbeddingPipelineOptions options;
    options.normalize = true;
    const sirocco::LoadedEmbedder model =
        sirocco::load_text_embedder(machine, argv[1], {}, options);
    sirocco::Engine engine(machine);
    const sirocco::TextEmbedder embedder(engine, engine.add(model.shared_pipeline()), model);

    // The engine has no thread of its own here: it computes in this call.
    const std::vector<std::string> texts(argv + 2, argv + argc);
    const auto vectors = embedder.embed(texts);
    for (std::size_t i = 1; i < texts.size(); ++i) {
      const float cosine =
          std::inner_product(vectors[0].begin(), vectors[0].end(), vectors[i].begin(), 0.0f);
      std::printf("%.2f  %s\n", cosine, texts[i].c_str());
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
