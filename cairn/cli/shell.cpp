// What shells and manuals know of the program, written from the same tables as its help.
#include <algorithm>

#include "cairn/base/version.h"
#include "cairn/cli/commands.h"
#include "cairn/tasks/task.h"

namespace cairn::cli {
namespace {

// Verbs have the options of their run's task: here those of all tasks, each said once.
void add_options_of_tasks(CommandOutline& command) {
  for (const tasks::Task& task : tasks::all_tasks()) {
    const tasks::Verb* verb = tasks::find_verb(task, command.name);
    if (!verb) continue;
    const auto options = verb->options();
    for (const auto& [option, group] : options->all()) {
      const std::string name =
          option->use() == train::Use::positional ? option->name() : option->flag();
      const auto same = std::find_if(command.options.begin(), command.options.end(),
                                     [&](const OptionOutline& o) { return o.names == name; });
      if (option->use() == train::Use::fact || same != command.options.end()) continue;
      command.options.push_back({name, option->help(), group, !option->is_switch()});
    }
    command.examples += verb->examples;
  }
}

CommandOutline outline() {
  CommandOutline all =
      outline_program(kAbout, [](const Command& app) { describe_program(app, {}); });
  for (CommandOutline& command : all.commands) add_options_of_tasks(command);
  return all;
}

// One case of the shell's function for every command: what may follow it.
void write_cases(const CommandOutline& command, const std::string& path, std::string& known,
                 std::string& words) {
  known += path.empty() ? "" : fmt::format("      \"{}\") path=\"{}\" ;;\n", path, path);
  std::string list;
  for (const CommandOutline& sub : command.commands) list += sub.name + " ";
  for (const OptionOutline& option : command.options)
    if (option.names.starts_with("--")) list += option.names + " ";
  words += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, list);
  for (const CommandOutline& sub : command.commands)
    write_cases(sub, path + " " + sub.name, known, words);
}

int print_completion() {
  std::string known, words;
  write_cases(outline(), "", known, words);
  fmt::print(
      "# bash: source this file, or put it into share/bash-completion/completions as 'cairn'.\n"
      "# zsh: autoload -U bashcompinit && bashcompinit, then source it.\n"
      "_cairn() {{\n"
      "  local path=\"\" word words cur=\"${{COMP_WORDS[COMP_CWORD]}}\"\n"
      "  for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do\n"
      "    case \"$path $word\" in\n{}    esac\n"
      "  done\n"
      "  case \"$path\" in\n{}  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}}\n"
      "complete -o default -F _cairn cairn\n",
      known, words);
  return kDone;
}

// Text as roff takes it: no line begins a request, and dashes can be copied.
std::string roff(const std::string& text) {
  std::string out;
  for (char c : text) {
    if ((out.empty() || out.back() == '\n') && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') out += "\\e";
    else if (c == '-') out += "\\-";
    else out += c;
  }
  return out;
}

void print_options(const CommandOutline& command) {
  for (const OptionOutline& o : command.options)
    fmt::print(".TP\n.B {}{}\n{}\n", roff(o.names),
               o.takes_value && o.names.starts_with("--") ? " \\fIVALUE\\fR" : "", roff(o.help));
}

void print_manual_of(const CommandOutline& command, const std::string& path) {
  fmt::print(".SS \"{}\"\n{}.\n", roff(path), roff(command.help));
  print_options(command);
  if (!command.examples.empty()) fmt::print(".PP\n.nf\n{}.fi\n", roff(command.examples));
  for (const CommandOutline& sub : command.commands) print_manual_of(sub, path + " " + sub.name);
}

int print_manual() {
  const CommandOutline all = outline();
  fmt::print(".TH CAIRN 1 \"\" \"cairn {}\" \"User Commands\"\n", kVersion);
  fmt::print(".SH NAME\ncairn \\- train, evaluate, explain and ship neural networks\n");
  fmt::print(".SH SYNOPSIS\n.B cairn\n\\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n");
  fmt::print(".SH DESCRIPTION\n.nf\n{}.fi\n", roff(kAbout));
  fmt::print(".SH COMMANDS\n");
  for (const CommandOutline& command : all.commands)
    print_manual_of(command, "cairn " + command.name);
  fmt::print(
      ".SH EXIT STATUS\n0 when done, 1 when something failed, 2 for wrong usage, 130 or 143 when a "
      "signal stopped a training after it was saved.\n");
  return kDone;
}

}  // namespace

void add_shell(const Command& app) {
  const Command completion =
      app.add_command("completion", "Print what bash needs to complete commands and options");
  completion.examples("  source <(cairn completion)\n");
  completion.runs(print_completion);
  const Command manual = app.add_command("man", "Print the manual page, as man reads it");
  manual.examples("  cairn man > cairn.1 && man ./cairn.1\n");
  manual.runs(print_manual);
}

}  // namespace cairn::cli
