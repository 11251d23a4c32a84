// The options of a training, or of what is done with a trained model: each is said once, as a
// member, and the command line, its checks and help, config.json, --config, resuming and the docs
// come from it.
//
//   struct Options : train::OptionSet {
//     Option<std::string> data{this, "data", "digits", {}, "Pictures: a folder, or 'digits'"};
//     Option<int64_t> width{this, "width", 32, whole(1, 65536), "Channels next to the picture"};
//     Option<std::string> model{this, "model", "gpt", one_of({"gpt", "lstm"}), "Network"};
//     Option<double> lr{this, "lr", ByModel<double>{{"gpt", 3e-3}, {"", 2e-3}}, positive(), "..."};
//     Option<int64_t> heads{this, "heads", Open{"one for 64 features"}, whole(1, 64), "Heads"};
//   };
//   Options() { heads.only_with({"gpt"}); }  // typed beside another model it is refused
//   Options o;
//   o.width = 64;              // as a number: o.width * 2; as text: fmt::format("{}", *o.width)
//   o.heads.fill(o.width / 64);  // only while it is open
//   o.fill_usual();            // lr, by the model
//   o.validate();              // throws InvalidOption naming the first wrong one
//
// Names are those of config.json ("lr_discriminator"); the command line writes --lr-discriminator.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cairn/base/invalid_option.h"
#include "cairn/base/json.h"

namespace cairn::train {

using cairn::Json;

// What a value may be; {}: anything.
struct Range {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool above = false;              // `least` itself is too small
  std::vector<std::string> names;  // of a text: one of these
  size_t count = 0;                // of a list: so many entries; 0: any number
};
Range whole(int64_t least, int64_t most);
Range positive();                              // finite and above 0
Range between(double least, double most);      // both included
Range two_between(double least, double most);  // of a list
Range one_of(std::vector<std::string> names);

inline constexpr int64_t kMostSteps = 1'000'000'000, kLargestBatch = 1'000'000;

// No value until a recipe fills it: what that depends on, in words for the help.
struct Open {
  explicit Open(std::string words) : words(std::move(words)) {}
  std::string words;
};

// What is used unless chosen: one value, or one for each value of the option `model` ("": for all
// others). The help shows it and OptionSet::fill_usual() fills it in, so that both say the same.
template <class T>
struct ByModel {
  using Entry = std::pair<std::string, T>;
  ByModel(T value) : entries{{"", std::move(value)}} {}  // NOLINT: implicit
  ByModel(std::initializer_list<Entry> by_model) : entries(by_model) {}
  explicit ByModel(std::vector<Entry> by_model) : entries(std::move(by_model)) {}
  const T* of(const std::string& model) const;  // none: nothing is said for this model
  std::string words() const;                    // "gpt 0.003, others 0.002"

  std::vector<Entry> entries;
};

// Where an option is seen.
enum class Use {
  choice,      // command line and config.json; a resumed run keeps it
  changeable,  // the same, but may be given anew when a run is resumed
  fact,        // config.json alone: what the data are (class names, means)
  here,        // command line alone: where and how loudly, not what
  positional   // command line alone, without a name before it
};

class OptionSet;

class AnyOption {
 public:
  virtual ~AnyOption() = default;
  const char* name() const { return name_; }
  std::string flag() const;  // "--lr-discriminator"
  const char* help() const { return help_; }
  // The help, with the names that it may be, where there are several, and the models that it is of.
  std::string explained() const;
  const std::vector<std::string>& choices() const { return range_.names; }  // of one_of()
  Use use() const { return use_; }
  bool stored() const { return use_ <= Use::fact; }
  bool is_open() const { return state_ == State::open; }
  bool given() const { return state_ >= State::given; }  // not the standard, not filled by a recipe
  std::string standard() const;                          // for the help: "32", "gpt 4, others 2"

  // Of a task that has no use for it: it is neither shown nor typed, only read where a run says it.
  void hide() { use_ = Use::fact; }
  // That it means something with these of the option `model` alone.
  void only_with(std::initializer_list<const char*> models);
  // Throws InvalidOption where it was typed beside another one.
  void expect_to_count(const std::string& model) const;

  // Throw InvalidOption for what cannot be read as the type, or is out of range.
  virtual void parse(const std::string& text) = 0;  // of a list: one more entry
  virtual void read(const Json& value) = 0;
  virtual Json value() const = 0;
  virtual bool is_switch() const { return false; }  // given by its name alone
  virtual bool is_list() const { return false; }
  virtual void fill_usual(const std::string& model) = 0;  // when it is open and has a usual value
  virtual Json usual_of(const std::string& model) const = 0;  // null: none
  void check() const;
  // Throw InvalidOption naming this one.
  [[noreturn]] void refuse(const std::string& reason) const;
  template <class... Args>
  void require(bool holds, fmt::format_string<Args...> reason, Args&&... args) const {
    if (!holds) refuse(fmt::format(reason, std::forward<Args>(args)...));
  }

 protected:
  AnyOption(OptionSet* set, const char* name, std::string open, Range range, const char* help,
            Use use);
  AnyOption(const AnyOption&) = default;
  AnyOption& operator=(const AnyOption&) = default;
  virtual void check_range() const = 0;

  enum class State : uint8_t { open, standard, filled, given, typed };
  const char *name_, *help_;
  std::vector<std::string> models_;
  std::string open_;
  Range range_;
  Use use_;
  State state_;
};

template <class T>
class Option : public AnyOption {
 public:
  Option(OptionSet* set, const char* name, T standard, Range range, const char* help,
         Use use = Use::choice)
      : AnyOption(set, name, "", std::move(range), help, use), value_(std::move(standard)) {}
  Option(OptionSet* set, const char* name, Open open, Range range, const char* help,
         Use use = Use::choice)
      : AnyOption(set, name, std::move(open.words), std::move(range), help, use) {}
  template <class U>
  Option(OptionSet* set, const char* name, ByModel<U> usual, Range range, const char* help,
         Use use = Use::choice)
      : AnyOption(set, name, usual.words(), std::move(range), help, use),
        usual_(std::move(usual.entries)) {}
  // Of which anything is accepted.
  Option(OptionSet* set, const char* name, T standard, const char* help, Use use = Use::choice)
      : Option(set, name, std::move(standard), Range{}, help, use) {}
  Option(OptionSet* set, const char* name, Open open, const char* help, Use use = Use::choice)
      : Option(set, name, std::move(open), Range{}, help, use) {}
  // A fact, which the data fill.
  Option(OptionSet* set, const char* name) : AnyOption(set, name, "unknown", {}, "", Use::fact) {}

  const T& operator*() const { return value_; }
  const T* operator->() const { return &value_; }
  operator const T&() const { return value_; }  // NOLINT: implicit
  Option& operator=(T value) {
    value_ = std::move(value), state_ = State::given;
    return *this;
  }
  void fill(T value) {
    if (is_open()) value_ = std::move(value), state_ = State::filled;
  }
  void leave_open() { value_ = T(), state_ = State::open; }
  // For an option that is declared for several tasks: what this one uses; or, where the data or
  // other options decide, what the help says of it.
  void usual(ByModel<T> by_model) {
    says(by_model.words());
    usual_ = std::move(by_model.entries);
  }
  void says(std::string words) { open_ = std::move(words), usual_.clear(), leave_open(); }
  void fill_usual(const std::string& model) override;
  Json usual_of(const std::string& model) const override;

  void parse(const std::string& text) override;
  void read(const Json& value) override;
  Json value() const override { return value_; }
  bool is_switch() const override;
  bool is_list() const override;

  template <class U>
  friend bool operator==(const Option& option, const U& other) {
    return option.value_ == other;
  }

 private:
  void check_range() const override;
  T value_{};
  std::vector<typename ByModel<T>::Entry> usual_;
};
extern template class Option<bool>;
extern template class Option<int64_t>;
extern template class Option<uint64_t>;
extern template class Option<double>;
extern template class Option<std::string>;
extern template class Option<std::vector<std::string>>;
extern template class Option<std::vector<int64_t>>;
extern template class Option<std::vector<double>>;
extern template class Option<std::vector<float>>;
extern template class Option<Json>;

// What a class of options derives from; its copies are wholes of their own (never copy a part).
class OptionSet {
 public:
  virtual ~OptionSet() = default;
  struct Listed {
    AnyOption* option;
    const char* group;  // a heading in the help; "": the task's own
  };
  std::vector<Listed> all();  // the task's own first
  std::vector<const AnyOption*> all() const;
  AnyOption* find(const std::string& name);

  void validate() const;  // throws InvalidOption for the first value out of range
  // Throws InvalidOption for the first that was typed and means nothing with the option `model`.
  void expect_all_to_count() const;
  // Fills what is open and has a usual value, by the option `model` where there is one; passes over
  // some.
  void fill_usual(std::initializer_list<const AnyOption*> but = {});
  std::string chosen_model() const;  // of the option `model`; "": there is none, or it is open

  // All that is stored and not open: config.json.
  Json to_json() const;
  // A file of --config: sets what was not given yet. Facts are passed over. Throws Error naming
  // file and key: unknown, of a wrong type, out of range.
  void read_file(const Json& config, const std::string& file);
  // A run's configuration, all of it; nothing else counts but what was given and may change.
  // Returns the names of what changed. Throws InvalidOption for what was given and contradicts,
  // Error naming file and key for what cannot be read.
  std::vector<std::string> continue_from(const Json& config, const std::string& file);
  // Of another run's configuration what these were, where they were not given. Throws
  // InvalidOption for one that was given otherwise, Error as above.
  void take_over(const Json& config, const std::string& file,
                 std::initializer_list<AnyOption*> which);
  // The same as continue_from(), where nothing was given: to use a trained model.
  void read_run(const Json& config, const std::string& file);

 protected:
  OptionSet() = default;
  OptionSet(const OptionSet&) = default;
  OptionSet& operator=(const OptionSet&) = default;
  void group(const char* name);  // of the options so far that have none

 private:
  friend class AnyOption;
  struct Place {
    std::ptrdiff_t offset;  // from here: so that copies know their own members
    const char* group;
  };
  std::vector<Place> places_;
};

// Where the data of a run's configuration lie, seen from here (its relative paths hold in the
// folder where it was made); "": it names none.
std::string data_of(const Json& config);

// Beside a run's options its configuration says what it is of: "task", and "format" of the file.
inline constexpr int kConfigFormat = 2;

}  // namespace cairn::train
