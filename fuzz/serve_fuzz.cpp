// Bodies of requests to `cairn serve`. The first byte says what the body is for.
#include "cairn/serve/front/requests.h"

#include "fuzz/fuzz.h"

using namespace cairn;
using namespace cairn::serve;

namespace {

// "NAME\nFILE\nCONTENT\n" again and again, as the library hands parts of multipart/form-data over.
std::vector<HttpPart> parts_of(std::string_view text) {
  std::vector<HttpPart> parts;
  while (!text.empty() && parts.size() < 8) {
    std::string* fields[] = {&parts.emplace_back().name, &parts.back().file, &parts.back().content};
    for (std::string* field : fields) {
      const size_t end = std::min(text.find('\n'), text.size());
      *field = text.substr(0, end);
      text.remove_prefix(std::min(text.size(), end + 1));
    }
  }
  return parts;
}

void read_all(uint8_t kind, const std::string& body) {
  HttpRequest request;
  request.type = kind % 8 == 0 ? "application/json" : kind % 8 == 1 ? "text/plain" : "";
  if (kind % 8 < 2) request.body = body;
  if (kind % 8 == 2) request.parts = parts_of(body);
  if (kind % 8 < 3) {
    const PredictRequest read = read_predict(request);
    io::promise(!read.items.empty(), "there is something to predict from");
    for (const Item& item : read.items) io::promise(!item.content.empty(), "none is empty");
  } else if (kind % 8 < 5) {
    const CompletionRequest read = read_completion(body, kind % 8 == 4);
    io::promise(!read.prompts.empty() && read.prompts.size() <= 16, "1 to 16 prompts");
    for (const WriteRequest& one : read.prompts) {
      io::promise(one.max_tokens > 0 && one.temperature >= 0 && one.top_p > 0, "in range");
      for (const std::string& stop : one.stop) io::promise(!stop.empty(), "stops say something");
    }
  } else if (kind % 8 == 5) {
    io::promise(!read_embedding(body).texts.empty(), "there are texts");
  } else if (kind % 8 == 6) {
    from_base64(body, "data");
  } else {
    io::promise(from_base64(to_base64(body), "data") == body, "base64 comes back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  io::fuzz([&] { read_all(data[0], std::string(data + 1, data + size)); });
  return 0;
}
