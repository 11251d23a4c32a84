// Question and text as one sequence of pieces of words, for networks that were trained before: BERT
// (Devlin et al. 2019).
#pragma once
#include "cairn/models/span_reader.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/question_answering/notation.h"

namespace cairn::tasks::question_answering {

// [CLS] question [SEP] context [SEP].
class PieceNotation : public Notation {
 public:
  // Throws Error naming `file` for a tokenizer without [CLS] and [SEP].
  PieceNotation(const std::string& tokenizer, const std::string& file, int64_t longest);
  int64_t pieces() const { return tokenizer_.size(); }
  NotedPtr context(std::string_view text) const override;
  NotedPtr question(std::string_view text) const override;
  int64_t offset(const Row& row) const override { return std::ssize(row.question->ids) + 2; }
  // Numbers [N, T], lengths [N], which of the two texts [N, T].
  Tensors batch_of(const std::vector<const Row*>& rows) const override;

 private:
  text::SubwordTokenizer tokenizer_;
  int64_t begin_, separator_;
};

class SpanEncoder : public models::SpanNetwork {
 public:
  explicit SpanEncoder(const pretrained::Spec& spec) : net_(spec) {}
  Tensor spans(std::span<const Tensor> in) override;
  nn::Module& module() override { return net_; }

 private:
  pretrained::Transformer net_;
};

}  // namespace cairn::tasks::question_answering
