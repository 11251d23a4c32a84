// Bodies from outside as requests to the service. What is wrong with one is thrown as Refused
// (400), which names the field.
#pragma once
#include <string>
#include <vector>

#include "cairn/base/json.h"
#include "cairn/serve/front/http.h"
#include "cairn/serve/service.h"

namespace cairn::serve {

struct PredictRequest {
  std::vector<Item> items;
  std::string options;  // a JSON object, or ""
  std::string model;    // or "": the path's
};
// A file as the body (of any type but JSON; a form, as which curl sends all, that looks like JSON
// is), files and texts as multipart/form-data, or JSON:
// {"text": ""}, {"texts": [""]}, {"question": "", "context": ""}, {"rows": [{column: value}]},
// {"data": base64, "name": ""}; with "options", "model".
PredictRequest read_predict(const HttpRequest& request);

// /v1/completions and /v1/chat/completions, as OpenAI has them. What the program has no counterpart
// of is refused where it would change the answer, and passed over elsewhere.
struct CompletionRequest {
  std::string model;
  std::vector<WriteRequest> prompts;
  bool streams = false, with_usage = false;
};
CompletionRequest read_completion(const std::string& body, bool chat);

struct EmbeddingRequest {
  std::string model;
  std::vector<std::string> texts;
  bool base64 = false;
};
EmbeddingRequest read_embedding(const std::string& body);

std::string from_base64(const std::string& text, const std::string& field);

}  // namespace cairn::serve
