// The one place that knows which Catch2 this is (Debian 12: 2.13; v3 has other headers).
#pragma once

#include <catch2/catch.hpp>
