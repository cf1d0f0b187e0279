// expect-gcc: could not convert .*EmbeddingJob|cannot convert .*EmbeddingJob|no matching function for call to .*submit
// expect-clang: no matching member function for call to 'submit'
// A job goes to a pipeline of its own kind.
#include "sirocco/engine/engine.hpp"
#include "sirocco/pipeline/embedding_pipeline.hpp"
#include "sirocco/pipeline/language_pipeline.hpp"

void submit(sirocco::Engine& engine, const sirocco::Handle<sirocco::LanguagePipeline>& text,
            const sirocco::Handle<sirocco::EmbeddingPipeline>& embedding) {
#ifdef SIROCCO_CONTROL
  (void)text;
  (void)engine.submit(embedding, sirocco::EmbeddingJob{});
#else
  (void)embedding;
  (void)engine.submit(text, sirocco::EmbeddingJob{});
#endif
}
