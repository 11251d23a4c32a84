#include "cairn/text/sentencepiece.h"

#include "cairn/base/library.h"
#include "cairn/io/base64.h"
#include "cairn/text/sentencepiece_module.h"

namespace cairn::text {
namespace {

using PlainJson = nlohmann::json;

// Debian's sentencepiece holds a protobuf of its own, older than the one that reads ONNX here, and
// shows its symbols: 0.1.97 finds ours in place of them and gives up.
struct SentencepieceLibrary : Library {
  SentencepieceLibrary()
      : Library(module_file("libcairn_sentencepiece.so").c_str(), "a model of sentencepiece",
                "libsentencepiece0", Symbols::of_library),
        functions(static_cast<const SentencepieceModule*>(find(kSentencepieceModule))) {}
  const SentencepieceModule* functions;
};
const SentencepieceModule& library() {
  static const SentencepieceLibrary opened;
  return *opened.functions;
}

class SentencePiece : public SubwordModel {
 public:
  SentencePiece(std::string bytes, const std::string& where) : bytes_(std::move(bytes)) {
    char error[kSentencepieceError];
    model_ = {library().open(bytes_.data(), bytes_.size(), error), library().close};
    // What the library says is where in its source it gave up.
    check(model_ != nullptr, "{}: no model of sentencepiece, or a damaged one", where);
    const int32_t size = library().size(model_.get());
    check(size > 0, "{}: the model has no tokens", where);
    for (int32_t id = 0; id < size; ++id)
      vocabulary_.add(library().piece(model_.get(), id), id, where);
  }

  const char* type() const override { return "SentencePiece"; }

  void tokenize(std::string_view piece, std::vector<Token>& out) const override {
    char error[kSentencepieceError];
    const auto put = [](void* to, int32_t id, uint32_t begin, uint32_t end) {
      static_cast<std::vector<Token>*>(to)->push_back({id, begin, end});
    };
    check(library().encode(model_.get(), piece.data(), piece.size(), &out, put, error),
          "sentencepiece: {}", error);
  }

  Decoder decoder() const override {
    return [model = model_](std::vector<std::string>& tokens) {
      std::vector<const char*> pieces;
      for (const std::string& token : tokens) pieces.push_back(token.c_str());
      std::string text;
      char error[kSentencepieceError];
      const auto put = [](void* to, const char* begin, size_t size) {
        static_cast<std::string*>(to)->assign(begin, size);
      };
      check(library().decode(model.get(), pieces.data(), pieces.size(), &text, put, error),
            "sentencepiece: {}", error);
      tokens = {std::move(text)};
    };
  }

  std::string to_json() const override {
    return PlainJson{{"type", type()}, {"model", io::to_base64(bytes_)}}.dump();
  }

  // Its control tokens, which are never found in a text; what is unknown shows when it is decoded.
  PlainJson special_tokens() const {
    PlainJson all = PlainJson::array();
    for (int32_t id = 0; id < library().size(model_.get()); ++id)
      if (library().kind(model_.get(), id) == SentencepieceModule::Kind::control)
        all.push_back({{"id", id}, {"content", *vocabulary_.token(id)}, {"special", true}});
    return all;
  }

 private:
  std::string bytes_;
  std::shared_ptr<void> model_;
};

}  // namespace

bool is_sentencepiece(std::string_view bytes) {
  return bytes.starts_with('\x0a');  // the first field of the message: a piece
}

std::string sentencepiece_tokenizer(std::string_view bytes, const std::string& name) {
  const SentencePiece model(std::string(bytes), "'" + name + "'");
  return PlainJson{{"added_tokens", model.special_tokens()},
                   {"model", PlainJson::parse(model.to_json())}}
      .dump();
}

std::unique_ptr<SubwordModel> make_sentencepiece(const Fields& f) {
  auto bytes = io::from_base64(f.text("model"));
  check(bytes.has_value(), "{}: is no base64", f.path("model"));
  return std::make_unique<SentencePiece>(std::move(*bytes), f.where());
}

}  // namespace cairn::text
