// GET /v1/openapi.json: made from the table of routes, so that no route can be missing. Pure; private to api.
#pragma once

#include <string>

#include "bot/core/json.hpp"

namespace api {

// OpenAPI 3.1.0. `version`: of the program.
core::Json openapi_document(std::string const& version);

// The schemas under components.schemas (JSON Schema 2020-12): Problem, Request, NewRequest …
core::Json openapi_schemas();

}  // namespace api
