#include "cairn/base/parallel.h"
#include "cairn/cli/commands.h"

namespace cairn::cli {
namespace {

std::string help_of(const train::AnyOption& option) {
  std::string text = option.explained();
  const std::string standard = option.standard();
  if (option.is_switch() && standard == "false") return text;
  if (standard.empty() || text.find("(default") != text.npos) return text;
  return text + fmt::format(" (default: {})", standard);
}

}  // namespace

void add_options(const Command& command, train::OptionSet& options) {
  for (const auto& [option, group] : options.all()) {
    if (option->use() == train::Use::fact) continue;
    const auto take = [o = option](const std::string& text) { o->parse(text); };
    const Option added =
        option->is_switch()
            ? command.choice(option->flag(), take, help_of(*option), option->standard() != "false")
        : option->is_list() ? command.list(option->flag(), take, help_of(*option))
                            : command.value(option->flag(), take, help_of(*option));
    if (option->use() == train::Use::positional && !option->is_open()) added.required();
    if (*group) added.group(group);
  }
}

void add_threads(const Command& command) {
  constexpr int64_t kMostThreads = 1024;
  command
      .option(
          "--threads", [](int n) { set_num_threads(n); },
          "Threads to compute with (default: all processors)")
      .whole(1, kMostThreads)
      .group("Run");
}

}  // namespace cairn::cli
