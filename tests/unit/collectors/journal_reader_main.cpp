// The child of the collector `journal`, without the rest of the program.
#include <iostream>

#include "collectors/journal.hpp"

int main(int argc, char** argv) {
  return argc < 2 ? 2 : collectors::run_journal_child(std::vector<std::string>(argv + 2, argv + argc), std::cerr);
}
