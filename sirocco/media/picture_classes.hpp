#pragma once

#include <string>
#include <string_view>

#include "sirocco/media/picture_settings.hpp"

namespace sirocco {

/// A ProcessorClass is an image processor of transformers.
struct ProcessorClass {
  std::string_view name;          ///< "CLIPImageProcessor"
  PictureSettings (*defaults)();  ///< what it has where a file says nothing
  bool number_is_square = false;  ///< a size that is one number: both sides, else the shortest edge
  bool pads = false;              ///< do_pad makes a picture square
};

/// The class of that name, which may end in "Fast" or "Pil"; null where it isn't known.
const ProcessorClass* find_processor_class(std::string_view name);

/// The name of the class that a model has where no file names one; empty where none is known.
std::string_view processor_class_of_model(std::string_view model_type);

/// All names, for messages.
std::string processor_class_names();

}  // namespace sirocco
