// Kernels chosen by measurement instead of by rules (CAIRN_TUNE=1): what was quickest for a shape
// is kept, for the process and in a file of the user's cache, keyed by processor and version.
#pragma once
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace cairn::cpu {

// CAIRN_TUNE: 1 measures, 0 or nothing does not; throws Error for anything else.
bool tuning();

// Names of kernels by what they are for; safe to use from several threads and processes.
class TunedChoices {
 public:
  // `file` "": in memory only. A damaged file is told of on standard error and ignored, one of
  // another processor or version just ignored; the next choice replaces either.
  TunedChoices(std::string file, std::string processor);
  std::string find(const std::string& key) const;  // "": unknown
  // Written at once, what other processes have added meanwhile included. Where the file cannot be
  // written, that is said once and the choice holds for this process.
  void remember(const std::string& key, const std::string& choice);

 private:
  using Choices = std::map<std::string, std::string>;
  Choices read() const;
  bool write() const;

  const std::string file_, processor_;
  mutable std::mutex mutex_;
  Choices choices_;
  bool complained_ = false;
};

// kernels-VERSION-PROCESSOR.txt in $XDG_CACHE_HOME/cairn, or in ~/.cache/cairn.
TunedChoices& tuned_choices();

// The index of the one of `names` that is remembered for `key`; else each is run, in turns, and the
// quickest remembered. The first stays where another is quicker by less than 3 %, which
// measurements do not tell from chance. `names` is not empty and holds no spaces, nor does `key`.
size_t quickest(TunedChoices& choices, const std::string& key,
                const std::vector<std::string>& names, const std::function<void(size_t)>& run);

}  // namespace cairn::cpu
