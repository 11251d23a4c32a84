#include "cairn/cli/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "cairn/base/close_name.h"
#include "cairn/base/invalid_option.h"
#include "cairn/cli/synonyms.h"
#include "cairn/io/utf8.h"

namespace cairn::cli {
namespace {

constexpr const char* kRunsOf = " (runs of ";  // between what a verb does and whose it is

// Help in 80 columns: explanations are broken between words, beside their options.
class Help : public CLI::Formatter {
 public:
  Help() { label("TEXT", "VALUE"), label("UINT", "N"), label("INT", "N"), label("FLOAT", "X"); }
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    const std::string opposite = "{false}";  // said of --no-flip
    const size_t at = name.find(opposite);
    return at == name.npos ? name : name.erase(at, opposite.size());
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    return broken(CLI::Formatter::make_option_desc(option));
  }
  std::string make_subcommand(const CLI::App* sub) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, sub->get_name(), broken(sub->get_description()), column_width_);
    return out.str();
  }

 private:
  std::string broken(const std::string& text) const {
    const size_t room = 80 - column_width_;
    std::string out;
    size_t column = 0;
    std::istringstream words(text);
    for (std::string word; words >> word; column += word.size()) {
      if (column > 0 && column + 1 + word.size() > room) out += '\n', column = 0;
      else if (column > 0) out += ' ', ++column;
      out += word;
    }
    return out;
  }
};

void collect_names(const CLI::App& app, std::vector<std::string>& names) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
}

// The chosen subcommand of a subcommand of ...
const CLI::App* deepest(const CLI::App& app) {
  const CLI::App* current = &app;
  while (true) {
    const auto chosen = current->get_subcommands();
    if (chosen.empty()) return current;
    current = chosen.front();
  }
}

// "cairn train image-classification"
std::string path_of(const CLI::App* command) {
  const CLI::App* parent = command->get_parent();
  return parent ? path_of(parent) + " " + command->get_name() : command->get_name();
}

int say_wrong(const std::string& message, const CLI::App& command) {
  fmt::print(stderr, "cairn: {}\nTry: {} --help\n", io::with_control_pictures(message),
             path_of(&command));
  return kWrongUsage;
}

// What there is no option for, and what may be meant.
std::string said_of_unknown(const CLI::App& command, const std::vector<std::string>& unknown,
                            const std::vector<std::string>& arguments) {
  std::vector<std::string> names;
  collect_names(command, names);
  const auto is_unknown = [&](const std::string& a) {
    return std::find(unknown.begin(), unknown.end(), a) != unknown.end();
  };
  // The first of them that looks like an option; else the first.
  const auto is_unknown_flag = [&](const std::string& a) {
    return is_unknown(a) && a.starts_with('-');
  };
  auto it = std::find_if(arguments.begin(), arguments.end(), is_unknown_flag);
  if (it == arguments.end()) it = std::find_if(arguments.begin(), arguments.end(), is_unknown);
  const std::string word = it == arguments.end() ? unknown.front() : *it;
  const std::string name = word.substr(0, word.find('='));
  const bool flag = word.starts_with('-');
  const bool takes_command = !command.get_subcommands({}).empty();
  std::string message = flag            ? fmt::format("there is no option {}", name)
                        : takes_command ? fmt::format("there is no '{}'", name)
                                        : fmt::format("'{}' is one argument too many", name);
  const std::string words = said_of_synonym(word, names);
  const std::string near = flag || takes_command ? close_name(name, names) : "";
  if (!words.empty()) message += "; " + words;
  else if (!near.empty()) message += fmt::format("; did you mean {}?", near);
  const std::string about = command.get_description();
  const size_t runs = about.find(kRunsOf);
  if (words.empty() && runs != about.npos)
    message += "; it is no option of " + about.substr(runs + 2, about.size() - runs - 3);
  return message;
}

std::string before(const std::string& text, const std::string& mark) {
  return text.substr(0, text.find(mark));
}

// What is wrong, in our own words, and where the right ones are listed.
int wrong_usage(const CLI::App& app, const CLI::ParseError& error,
                const std::vector<std::string>& arguments) {
  const CLI::App* command = deepest(app);
  const std::vector<std::string> unknown = app.remaining(true);
  const std::string said = error.what();
  if (!unknown.empty()) return say_wrong(said_of_unknown(*command, unknown, arguments), *command);
  const std::string name = error.get_name();
  if (name == "RequiredError") {
    std::vector<std::string> names;
    for (const CLI::App* sub : command->get_subcommands({})) names.push_back(sub->get_name());
    if (said.find("subcommand") != said.npos)
      return say_wrong(fmt::format("say what: {}", fmt::join(names, ", ")), *command);
    return say_wrong(fmt::format("{} is missing", before(said, " is required")), *command);
  }
  if (name == "ArgumentMismatch") {
    const bool twice = said.find("At Most") != said.npos;
    return say_wrong(fmt::format("{}: {}", before(said, ":"),
                                 twice ? "is given more than once" : "a value is missing"),
                     *command);
  }
  if (name == "ConversionError")
    return say_wrong("a value is of another kind than its option takes: " +
                         said.substr(said.find(':') == said.npos ? 0 : said.find(':') + 2),
                     *command);
  return say_wrong(said, *command);
}

std::string wrong_whole(const std::string& text, int64_t low, int64_t high) {
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (text.empty() || *end) return fmt::format("'{}' is no whole number", text);
  if (errno == ERANGE || value < low || value > high)
    return fmt::format("{} is out of range; give a whole number from {} to {}", text, low, high);
  return "";
}

std::string wrong_number(const std::string& text, const std::function<bool(double)>& accepted,
                         const std::string& wanted) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end) return fmt::format("'{}' is no number", text);
  if (!std::isfinite(value) || !accepted(value))
    return fmt::format("{} is out of range; give a {}", text, wanted);
  return "";
}

template <class F>
void check_with(CLI::Option* option, const F& verdict) {
  option->check(CLI::Validator([verdict](std::string& text) { return verdict(text); }, ""));
}

}  // namespace

Option Option::required() const {
  option_->required();
  return *this;
}
Option Option::shows_default() const {
  option_->capture_default_str();
  return *this;
}
Option Option::whole(int64_t low, int64_t high) const {
  check_with(option_, [=](const std::string& text) { return wrong_whole(text, low, high); });
  return *this;
}
Option Option::positive() const {
  check_with(option_, [](const std::string& text) {
    return wrong_number(
        text, [](double v) { return v > 0; }, "finite number above 0");
  });
  return *this;
}
Option Option::between(double low, double high) const {
  check_with(option_, [=](const std::string& text) {
    return wrong_number(
        text, [=](double v) { return v >= low && v <= high; },
        fmt::format("number from {} to {}", low, high));
  });
  return *this;
}
Option Option::one_of(const std::vector<std::string>& names) const {
  check_with(option_, [=](const std::string& text) {
    const bool known = std::find(names.begin(), names.end(), text) != names.end();
    return known ? std::string() : no_such_name(text, names);
  });
  return *this;
}
Option Option::group(const std::string& heading) const {
  option_->group(heading);
  return *this;
}
bool Option::given() const { return option_->count() > 0; }
std::string Option::name() const { return option_->get_name(); }

Command Command::add_command(const std::string& name, const std::string& help) const {
  return {app_->add_subcommand(name, help), action_};
}
void Command::needs_command() const { app_->require_subcommand(1); }
void Command::examples(const std::string& lines) const { app_->footer("Examples:\n" + lines); }
void Command::runs(Action action) const {
  app_->callback([chosen = action_, action = std::move(action)] { *chosen = action; });
}

Option Command::option(const std::string& name, std::string& value, const std::string& help) const {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, std::vector<std::string>& values,
                       const std::string& help) const {
  return Option(app_->add_option(name, values, help));
}
Option Command::option(const std::string& name, int& value, const std::string& help) const {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, int64_t& value, const std::string& help) const {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, uint64_t& value, const std::string& help) const {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, double& value, const std::string& help) const {
  return Option(app_->add_option(name, value, help));
}
Option Command::option(const std::string& name, std::function<void(int)> use,
                       const std::string& help) const {
  return Option(app_->add_option_function<int>(
      name, [use](int value) { use(value); }, help));
}
Option Command::flag(const std::string& name, bool& value, const std::string& help) const {
  return Option(app_->add_flag(name, value, help));
}

Option Command::value(const std::string& name, Take take, const std::string& help) const {
  // Each text is checked before they are counted.
  return Option(app_->add_option_function<std::string>(
                        name, [](const std::string&) {}, help)
                    ->each(take));
}
Option Command::choice(const std::string& name, Take take, const std::string& help,
                       bool has_opposite) const {
  const auto given = [take](int64_t count) { take(count > 0 ? "true" : "false"); };
  const std::string opposite = has_opposite ? ",!--no-" + name.substr(2) : "";
  return Option(app_->add_flag_function(name + opposite, given, help));
}
Option Command::list(const std::string& name, Take take, const std::string& help) const {
  const auto each = [take](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) take(text);
  };
  return Option(app_->add_option_function<std::vector<std::string>>(name, each, help));
}
void Command::is_about(const std::string& what, const std::string& task) const {
  app_->description(fmt::format("{}{}task '{}')", what, kRunsOf, task));
}

std::string in_flags(const InvalidOption& error) {
  std::string flag = error.option();
  std::replace(flag.begin(), flag.end(), '_', '-');
  return "--" + flag + ": " + in_flags(std::string(error.reason()));
}

std::string in_flags(const std::string& message) {
  constexpr std::string_view kSpoken = "the option ";
  std::string out;
  for (size_t at = 0; at < message.size();) {
    const size_t next = std::min(message.find(kSpoken, at), message.size());
    out += message.substr(at, next - at);
    if (next == message.size()) break;
    out += "--";
    for (at = next + kSpoken.size(); at < message.size(); ++at) {
      const char c = message[at];
      if (c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9')) break;
      out += c == '_' ? '-' : c;
    }
  }
  return out;
}

namespace {

CommandOutline outline_of(const CLI::App& app) {
  CommandOutline command{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    const bool named = !option->get_lnames().empty();
    command.options.push_back({named ? "--" + option->get_lnames().front() : option->get_name(),
                               option->get_description(), option->get_group(),
                               option->get_items_expected_max() > 0});
  }
  for (const CLI::App* sub : app.get_subcommands({})) command.commands.push_back(outline_of(*sub));
  return command;
}

}  // namespace

CommandOutline outline_program(const std::string& about,
                               const std::function<void(const Command&)>& describe) {
  CLI::App app{about, "cairn"};
  Action action;
  describe(Command(&app, &action));
  return outline_of(app);
}

int run_program(const std::vector<std::string>& arguments, const std::string& about,
                const std::string& version, const std::function<void(const Command&)>& describe) {
  CLI::App app{about, "cairn"};
  app.formatter(std::make_shared<Help>());
  app.footer(
      "Every command and task has a --help with examples, for instance\n"
      "  cairn train image-classification --help\n");
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  Action action;
  describe(Command(&app, &action));
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp& e) { return app.exit(e); } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) { return app.exit(e); } catch (const CLI::ParseError& e) {
    return wrong_usage(app, e, arguments);
  } catch (const InvalidOption& e) { return say_wrong(in_flags(e), *deepest(app)); }
  return action ? action() : kWrongUsage;
}

}  // namespace cairn::cli
