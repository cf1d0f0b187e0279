#include "sirocco/quant/panel.hpp"
