#include "tests/faults/fault_story.hpp"
#include "tests/support/catch.hpp"
