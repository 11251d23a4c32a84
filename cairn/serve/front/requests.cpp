#include "cairn/serve/front/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <sstream>

#include "cairn/io/base64.h"
#include "cairn/io/csv.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"

namespace cairn::serve {
namespace {

template <class... Args>
[[noreturn]] void refuse(const std::string& param, fmt::format_string<Args...> format,
                         Args&&... args) {
  throw Refused(400, fmt::format(format, std::forward<Args>(args)...), param);
}

Json object_of(const std::string& body) {
  constexpr int kDepth = 32;
  Json json;
  try {
    json = io::parse_json(body, "the body", kDepth);
  } catch (const Refused&) { throw; } catch (const Error& e) {
    refuse("", "{}", e.what());
  }
  if (!json.is_object()) refuse("", "the body: an object {{...}} is wanted");
  return json;
}

// A member that is passed over would change what is answered, or is a slip of the pen. `known`:
// words.
void expect_members(const Json& object, const std::string& known) {
  std::istringstream words(known);
  const std::vector<std::string> names{std::istream_iterator<std::string>(words), {}};
  for (const auto& [name, value] : object.items()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    const std::string shown = io::printable(name.substr(0, 64)), near = nearest_name(shown, names);
    refuse(shown, "'{}' is not known here{}; there are {}", shown,
           near.empty() ? "" : fmt::format(" (did you mean {}?)", near), fmt::join(names, ", "));
  }
}

// A field; null is as none.
const Json* find(const Json& from, const char* name) {
  const auto it = from.find(name);
  return it == from.end() || it->is_null() ? nullptr : &*it;
}
std::string text_of(const Json& value, const std::string& name) {
  if (!value.is_string()) refuse(name, "{}: a text is wanted", name);
  return value.get<std::string>();
}
std::string text_in(const Json& from, const char* name, const std::string& otherwise = "") {
  const Json* value = find(from, name);
  return value ? text_of(*value, name) : otherwise;
}
// Or one of them.
std::vector<std::string> texts_of(const Json& value, const std::string& name) {
  if (value.is_string()) return {value.get<std::string>()};
  if (!value.is_array() || value.empty())
    refuse(name, "{}: a text, or a list of texts, is wanted", name);
  if (value.size() > kMostTexts)
    refuse(name, "{}: {} texts; {} at most", name, value.size(), kMostTexts);
  std::vector<std::string> texts;
  for (const Json& one : value) texts.push_back(text_of(one, name));
  return texts;
}
double number_in(const Json& from, const char* name, double otherwise, double least, double most) {
  const Json* value = find(from, name);
  if (!value) return otherwise;
  if (!value->is_number()) refuse(name, "{}: a number is wanted", name);
  const auto number = value->get<double>();
  if (!(number >= least && number <= most))
    refuse(name, "{}: {} is not between {} and {}", name, number, least, most);
  return number;
}
int64_t whole_in(const Json& from, const char* name, int64_t otherwise, int64_t least,
                 int64_t most) {
  const Json* value = find(from, name);
  if (!value) return otherwise;
  if (!value->is_number_integer()) refuse(name, "{}: a whole number is wanted", name);
  // Unsigned ones beyond int64 are beyond `most`, too.
  const bool high = value->is_number_unsigned() && value->get<uint64_t>() > uint64_t{INT64_MAX};
  const int64_t number = high ? most : value->get<int64_t>();
  if (high || number < least || number > most)
    refuse(name, "{}: {} is not between {} and {}", name, value->dump(), least, most);
  return number;
}
bool flag_in(const Json& from, const char* name) {
  const Json* value = find(from, name);
  if (value && !value->is_boolean()) refuse(name, "{}: true or false is wanted", name);
  return value && value->get<bool>();
}

// {"rows": [{"weight": 1.5, "colour": "red"}]} as a table.
std::string csv_of(const Json& rows) {
  if (!rows.is_array()) refuse("rows", "rows: a list of objects is wanted");
  if (rows.empty()) refuse("rows", "rows: is empty; there is no row to predict from");
  io::Csv table;
  for (const Json& row : rows) {
    if (!row.is_object()) refuse("rows", "rows: a list of objects is wanted");
    if (row.empty()) refuse("rows", "rows: a row has no column; {{\"COLUMN\": VALUE}} is wanted");
    if (table.names.empty())
      for (const auto& [name, value] : row.items()) table.names.push_back(name);
    auto& cells = table.rows.emplace_back();
    for (const std::string& name : table.names) {
      const auto it = row.find(name);
      if (it == row.end() || row.size() != table.names.size())
        refuse("rows", "rows: all must have the same names; '{}' is not in each", name);
      if (it->is_structured()) refuse("rows", "rows: '{}' is neither a number nor a text", name);
      cells.push_back(it->is_string() ? it->get<std::string>() : it->is_null() ? "" : it->dump());
    }
  }
  return io::to_csv(table);
}

std::string options_of(const Json& from) {
  const Json* options = find(from, "options");
  if (!options) return "";
  if (!options->is_object()) refuse("options", "options: an object {{...}} is wanted");
  return options->dump();
}

void expect_text(const std::string& text, const std::string& name) {
  if (text.empty()) refuse(name, "{}: is empty", name);
}

// What can be said to one of the ways to give something alone.
void expect_beside(const Json& json, const char* name, const char* way) {
  if (find(json, name) && !find(json, way)) refuse(name, "{}: goes with {} only", name, way);
}

PredictRequest predict_of(const Json& json) {
  expect_members(json, "text texts question context rows data name options model");
  PredictRequest request{{}, options_of(json), text_in(json, "model")};
  const auto add = [&](std::string content, const char* given, const char* name) {
    expect_text(content, name);
    request.items.push_back({"", std::move(content), given});
  };
  int ways = 0;
  if (const Json* text = find(json, "text")) ++ways, add(text_of(*text, "text"), "text", "text");
  if (const Json* texts = find(json, "texts")) {
    ++ways;
    for (std::string& text : texts_of(*texts, "texts"))  // one may be empty, as a line may
      request.items.push_back({"", std::move(text), "text"});
  }
  expect_beside(json, "context", "question"), expect_beside(json, "name", "data");
  if (const Json* question = find(json, "question")) {
    ++ways;
    const std::string context = text_in(json, "context"), asked = text_of(*question, "question");
    expect_text(asked, "question");
    if (context.empty())
      refuse("context", "context: the text that the question is about is wanted");
    add(Json{{"context", context}, {"question", asked}}.dump(), "question", "question");
  }
  if (const Json* rows = find(json, "rows")) {
    ++ways;
    request.items.push_back({"rows.csv", csv_of(*rows), "table"});
  }
  if (const Json* data = find(json, "data")) {
    ++ways;
    request.items.push_back(
        {text_in(json, "name", "data"), from_base64(text_of(*data, "data"), "data")});
  }
  if (ways != 1)
    refuse("", "one of these is wanted: text, texts, question (with context), rows, data (base64)");
  return request;
}

PredictRequest predict_of(const std::vector<HttpPart>& parts) {
  PredictRequest request;
  for (const HttpPart& part : parts) {
    if (!part.file.empty()) request.items.push_back({part.file, part.content});
    else if (part.name == "text")
      expect_text(part.content, "text"), request.items.push_back({"", part.content, "text"});
    else if (part.name == "model") request.model = part.content;
    else if (part.name == "options")
      request.options = options_of(Json{{"options", object_of(part.content)}});
    else
      refuse(part.name, "a part '{}' without a file name: 'text', 'options' and 'model' are known",
             io::printable(part.name));
  }
  return request;
}

// What `curl -d` sends says that it is a form. JSON by the look of it is; lines that each begin so
// are a file of texts.
bool is_json(const HttpRequest& q) {
  if (q.type.starts_with("application/json")) return true;
  if (!q.type.starts_with("application/x-www-form-urlencoded")) return false;
  const size_t begin = q.body.find_first_not_of(" \t\r\n");
  return begin != q.body.npos && q.body[begin] == '{' && q.body.find("\n{", begin) == q.body.npos;
}

}  // namespace

PredictRequest read_predict(const HttpRequest& q) {
  PredictRequest request;
  if (!q.parts.empty()) request = predict_of(q.parts);
  else if (is_json(q)) request = predict_of(object_of(q.body));
  else if (!q.body.empty()) request.items.push_back({"body", q.body});
  if (request.items.empty())
    refuse("", "nothing to predict from: send a file as the body, multipart/form-data, or JSON");
  if (request.items.size() > kMostTexts) refuse("", "more than {} in one request", kMostTexts);
  for (const Item& item : request.items) {
    if (item.content.empty() && !item.is_text())
      refuse("", "'{}' is empty", io::printable(item.name));
    if (item.is_text() && io::find_invalid_utf8(item.content) != std::string::npos)
      refuse("text", "the text is no UTF-8");
  }
  return request;
}

namespace {

// What the roles say one after another, in plain lines, and who is to go on.
std::string chat_prompt(const Json& body) {
  const Json* messages = find(body, "messages");
  if (!messages || !messages->is_array() || messages->empty())
    refuse("messages", "messages: a list of {{\"role\": ..., \"content\": ...}} is wanted");
  if (messages->size() > kMostTexts)
    refuse("messages", "messages: {} of them; {} at most", messages->size(), kMostTexts);
  std::string prompt;
  for (const Json& m : *messages) {
    if (!m.is_object()) refuse("messages", "messages: an entry is no object");
    const std::string role = text_in(m, "role");
    static const std::vector<std::string> kRoles = {"system", "developer", "user", "assistant"};
    if (std::ranges::find(kRoles, role) == kRoles.end())
      refuse("messages", "messages: role '{}'; there are {}", io::printable(role),
             fmt::join(kRoles, ", "));
    const Json* content = find(m, "content");
    if (!content) refuse("messages", "messages: an entry without content");
    prompt += role + ": ";
    if (content->is_array()) {
      for (const Json& part : *content) {
        if (!part.is_object() || text_in(part, "type") != "text")
          refuse("messages", "messages: only parts of type 'text' are read");
        prompt += text_in(part, "text");
      }
    } else prompt += text_of(*content, "messages");
    prompt += "\n";
  }
  return prompt + "assistant:";
}

// OpenAI's: what there is here, what is refused where it would change the answer, and what means
// nothing here.
constexpr const char* kOfBoth =
    "model max_tokens max_completion_tokens temperature top_p top_k seed stop stream "
    "stream_options n best_of frequency_penalty presence_penalty logit_bias logprobs user ";
constexpr const char* kOfTexts = "prompt suffix echo";
constexpr const char* kOfChats =
    "messages tools functions top_logprobs audio response_format tool_choice function_call "
    "parallel_tool_calls metadata store modalities prediction verbosity reasoning_effort "
    "service_tier safety_identifier prompt_cache_key prompt_cache_retention web_search_options";

// What would change the answer and is not there.
void refuse_unknown_wishes(const Json& body) {
  for (const char* one : {"n", "best_of"})
    if (whole_in(body, one, 1, 1, 128) != 1) refuse(one, "{}: only 1 is possible", one);
  for (const char* none : {"frequency_penalty", "presence_penalty"})
    if (number_in(body, none, 0, -2, 2) != 0) refuse(none, "{}: only 0 is possible", none);
  for (const char* list : {"tools", "functions", "logit_bias"})
    if (const Json* value = find(body, list); value && !(value->is_structured() && value->empty()))
      refuse(list, "{}: is not possible here", list);
  for (const char* absent : {"suffix", "echo", "logprobs", "top_logprobs", "audio"})
    if (const Json* value = find(body, absent); value && *value != false && *value != 0)
      refuse(absent, "{}: is not possible here", absent);
  if (const Json* format = find(body, "response_format");
      format && !(format->is_object() && text_in(*format, "type") == "text"))
    refuse("response_format", "response_format: only text is possible");
}

}  // namespace

CompletionRequest read_completion(const std::string& text, bool chat) {
  constexpr int64_t kMostTokens = 1 << 20;
  const Json body = object_of(text);
  expect_members(body, kOfBoth + std::string(chat ? kOfChats : kOfTexts));
  refuse_unknown_wishes(body);
  CompletionRequest request;
  request.model = text_in(body, "model");
  request.streams = flag_in(body, "stream");
  if (const Json* about = find(body, "stream_options")) {
    if (!about->is_object()) refuse("stream_options", "stream_options: an object is wanted");
    expect_members(*about, "include_usage include_obfuscation");
    request.with_usage = flag_in(*about, "include_usage");
  }
  WriteRequest one;
  one.max_tokens = whole_in(body, "max_tokens", chat ? 256 : 16, 1, kMostTokens);
  one.max_tokens = whole_in(body, "max_completion_tokens", one.max_tokens, 1, kMostTokens);
  one.temperature = number_in(body, "temperature", 1, 0, 1000);
  one.top_p = number_in(body, "top_p", 1, 1e-9, 1);
  one.top_k = whole_in(body, "top_k", 0, 0, kMostTokens);
  one.seed = static_cast<uint64_t>(whole_in(body, "seed", -1, INT64_MIN, INT64_MAX));
  if (const Json* stop = find(body, "stop"); stop && !(stop->is_array() && stop->empty()))
    one.stop = texts_of(*stop, "stop");
  if (one.stop.size() > 4) refuse("stop", "stop: {} texts; 4 at most", one.stop.size());
  for (const std::string& s : one.stop)
    if (s.empty() || s.size() > 256) refuse("stop", "stop: texts of 1 to 256 bytes are wanted");
  if (chat) {
    one.stop.insert(one.stop.end(), {"\nuser:", "\nsystem:", "\nassistant:"});
    one.prompt = chat_prompt(body);
    request.prompts.push_back(one);
    return request;
  }
  const Json* prompt = find(body, "prompt");
  for (std::string& p : prompt ? texts_of(*prompt, "prompt") : std::vector<std::string>{""}) {
    one.prompt = std::move(p);
    request.prompts.push_back(one);
  }
  if (request.prompts.size() > 16)
    refuse("prompt", "prompt: {} texts; 16 at most", request.prompts.size());
  return request;
}

EmbeddingRequest read_embedding(const std::string& text) {
  const Json body = object_of(text);
  expect_members(body, "model input encoding_format dimensions user");
  EmbeddingRequest request;
  request.model = text_in(body, "model");
  const Json* input = find(body, "input");
  if (!input) refuse("input", "input: a text, or a list of texts, is wanted");
  request.texts = texts_of(*input, "input");
  for (const std::string& one : request.texts)
    if (one.empty()) refuse("input", "input: a text is empty");
  const std::string format = text_in(body, "encoding_format", "float");
  if (format != "float" && format != "base64")
    refuse("encoding_format", "encoding_format: float or base64, not '{}'", io::printable(format));
  request.base64 = format == "base64";
  if (find(body, "dimensions"))
    refuse("dimensions", "dimensions: an embedding is as wide as the network");
  return request;
}

std::string from_base64(const std::string& text, const std::string& field) {
  std::string_view left = text;
  if (left.starts_with("data:"))  // "data:image/png;base64,..."
    left.remove_prefix(std::min(left.size(), left.find(',') + 1));
  auto bytes = io::from_base64(left);
  if (!bytes) refuse(field, "{}: is no base64, or ends early", field);
  return std::move(*bytes);
}

}  // namespace cairn::serve
