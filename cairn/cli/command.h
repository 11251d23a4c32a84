// One command of the program while it is described: its options, its examples and what it does.
// Only command.cpp sees CLI11, whose header takes seconds to compile.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace cairn {
class InvalidOption;
}

namespace cairn::cli {

using Action = std::function<int()>;  // returns the exit status

// A handle. What an option accepts: the messages say what was given and what is wanted.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option required() const;
  Option shows_default() const;  // in the help
  Option whole(int64_t low, int64_t high) const;
  Option positive() const;  // finite and above 0
  Option between(double low, double high) const;
  Option one_of(const std::vector<std::string>& names) const;
  Option group(const std::string& heading) const;  // in the help

  bool given() const;        // after parsing
  std::string name() const;  // "--seed"

 private:
  CLI::Option* option_;
};

// A handle. Values must live until the action has run. Names without dashes are positional.
class Command {
 public:
  Command(CLI::App* app, Action* action) : app_(app), action_(action) {}
  Command add_command(const std::string& name, const std::string& help) const;
  void needs_command() const;                     // one of those added must follow
  void examples(const std::string& lines) const;  // each with its newline
  void runs(Action action) const;                 // when this one is chosen

  Option option(const std::string& name, std::string& value, const std::string& help) const;
  Option option(const std::string& name, std::vector<std::string>& values,
                const std::string& help) const;
  Option option(const std::string& name, int& value, const std::string& help) const;
  Option option(const std::string& name, int64_t& value, const std::string& help) const;
  Option option(const std::string& name, uint64_t& value, const std::string& help) const;
  Option option(const std::string& name, double& value, const std::string& help) const;
  Option option(const std::string& name, std::function<void(int)> use,
                const std::string& help) const;
  Option flag(const std::string& name, bool& value, const std::string& help) const;

  // Options that check themselves: `take` gets the text, "true" or "false" of a choice, and
  // every entry of a list; it may throw InvalidOption.
  using Take = std::function<void(const std::string& text)>;
  Option value(const std::string& name, Take take, const std::string& help) const;
  Option choice(const std::string& name, Take take, const std::string& help,
                bool has_opposite) const;  // --no-NAME
  Option list(const std::string& name, Take take, const std::string& help) const;

  // What it does with runs of which task; said when an option is unknown, too.
  void is_about(const std::string& what, const std::string& task) const;

 private:
  CLI::App* app_;
  Action* action_;
};

// Describes the program by `describe`, parses the arguments and runs the chosen action. Wrong usage
// is explained on standard error, with the nearest name that exists.
int run_program(const std::vector<std::string>& arguments, const std::string& about,
                const std::string& version, const std::function<void(const Command&)>& describe);

// What the program takes, as data: for shells and manuals.
struct OptionOutline {
  std::string names;  // "--seed"; "run" without dashes: positional
  std::string help, group;
  bool takes_value;
};
struct CommandOutline {
  std::string name, help, examples;
  std::vector<OptionOutline> options;
  std::vector<CommandOutline> commands;
};
CommandOutline outline_program(const std::string& about,
                               const std::function<void(const Command&)>& describe);

// "--lr-discriminator: ..." of an option named lr_discriminator.
std::string in_flags(const InvalidOption& error);
// Below cli/ "the option skip-bad" is spoken of; here it is --skip-bad.
std::string in_flags(const std::string& message);

inline constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2;

}  // namespace cairn::cli
