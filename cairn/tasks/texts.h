// What tasks on a text have in common: where it is, its unit, and what it is made of.
#pragma once
#include "cairn/data/text.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks {

struct TextOptions : train::SupervisedOptions {
  TextOptions() { val_split.usual(0.1); }
  train::DataOption data{
      this, "",
      "A text file (also .gz) or a folder of .txt files (nothing: plays by "
      "Shakespeare that come with the program); with --tokens notes or pianoroll "
      "MIDI, ABC or JSON rolls, or a folder of them (nothing: chorales that the "
      "program draws)"};
  train::Option<std::string> tokens{
      this, "tokens", "char",
      train::one_of({"char", "byte", "bpe", "wordpiece", "word", "notes", "pianoroll"}),
      "Unit of text (wordpiece: without its white space; with --init of a "
      "folder its own); of music: the notes of a chord one after another, or the keys of a step "
      "each for itself"};
  train::Option<int64_t> vocab_size{
      this, "vocab_size", train::Open{"bpe and wordpiece 8000, word 10000"},
      train::whole(2, 1 << 24), "Tokens at most, where they are learned"};
  // Facts.
  train::Option<int64_t> vocab{this, "vocab"};
  train::Option<Json> tokenizer{this, "tokenizer"};

  std::string data_name() const { return data->empty() ? "the embedded text" : *data; }
  // The text in the numbers of the run, where one is resumed; else notes what it is made of.
  data::TextTokens open_text();
};

}  // namespace cairn::tasks
