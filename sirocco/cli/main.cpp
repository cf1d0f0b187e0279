#include "sirocco/cli/command.hpp"

int main(int argc, char** argv) { return sirocco::run_program(argc, argv); }
