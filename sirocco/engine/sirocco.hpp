#pragma once

// The C++ library: models of text and of embeddings, and the engine that runs them.
// examples/ shows it at work.

#include "sirocco/engine/engine.hpp"         // IWYU pragma: export
#include "sirocco/engine/load.hpp"           // IWYU pragma: export
#include "sirocco/engine/session.hpp"        // IWYU pragma: export
#include "sirocco/engine/text_embedder.hpp"  // IWYU pragma: export
#include "sirocco/engine/text_source.hpp"    // IWYU pragma: export
#include "sirocco/platform/machine.hpp"      // IWYU pragma: export
#include "sirocco/text/conversation.hpp"     // IWYU pragma: export
