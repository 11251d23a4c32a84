// What the options of all trainings have in common, and where a training goes.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cairn/train/options.h"
#include "cairn/train/run_folder.h"

namespace cairn::train {

// Where the data are, for every task alike: a run keeps it, and one that goes on may be told where
// they lie now. `help` says what they may be.
struct DataOption : Option<std::string> {
  DataOption(OptionSet* set, std::string standard, const char* help)
      : Option(set, "data", std::move(standard), Range{}, help, Use::changeable) {}
  using Option::operator=;
};

struct RunOptions : OptionSet {
  RunOptions() { group("Run"); }
  Option<int64_t> steps{this,      "steps",        Open{"as the epochs make"}, whole(1, kMostSteps),
                        "Updates", Use::changeable};
  Option<int64_t> epochs{this,
                         "epochs",
                         Open{"as the steps make"},
                         whole(1, kMostSteps),
                         "Passes over the data, instead of steps",
                         Use::changeable};
  Option<uint64_t> seed{this, "seed", 0, whole(0, INT64_MAX),
                        "Seed of initial weights and of all that is random"};
  Option<int64_t> save_every{this,
                             "save_every",
                             Open{"with each evaluation"},
                             whole(1, INT64_MAX),
                             "Save a checkpoint also after so many steps",
                             Use::changeable};
  Option<std::string> out{this, "out", Open{"runs/TASK-N"}, {}, "Folder of the run", Use::here};
  Option<bool> resume{this, "resume", false, {}, "Go on with the run in --out", Use::here};
  Option<bool> quiet{this, "quiet", false, {}, "No progress on standard error", Use::here};
  Option<std::string> gradients{this,
                                "gradients",
                                "f32",
                                one_of({"f32", "bf16", "topk"}),
                                "How they travel between ranks (mpirun): topk: the hundredth part "
                                "that is largest, the rest later",
                                Use::changeable};
  Option<std::string> batch_norm{this, "batch_norm", "local", one_of({"local", "synchronised"}),
                                 "Over each rank's examples, or those of all ranks (mpirun)"};
  // Facts: of the files of `data` how many, their bytes and fingerprint (data/inventory.h); and
  // what the task found in them: "12 boxes of 'cat'".
  Option<std::vector<int64_t>> data_files{this, "data_files"};
  Option<std::vector<std::string>> data_counts{this, "data_counts"};

  // But not how long it is: fill_length() does that, since steps follow from epochs.
  void fill_usual() { OptionSet::fill_usual({&steps, &epochs}); }

  int64_t stop_after_steps = 0;      // ends early, saved, as a signal would; for tests; 0: does not
  std::vector<std::string> changed;  // options that were given anew beside `resume`
  std::optional<RunFolder> resumed;  // locked from the moment it was chosen
};

// Checks the options and the folder before anything is read or written: `out` must hold a run of
// the task when `resume`, whose configuration is then taken over and whose lock is taken, and must
// not otherwise. Throws InvalidOption and Error.
void choose_run(const std::string& task, RunOptions& options);

// The folder that was chosen, locked: a new one is made now and gets its configuration (without
// `out`: runs/TASK-N); a resumed one when it goes on. What files the data are made of is kept in
// it, and said where they are others now. The options are checked again, since recipes filled them.
RunFolder begin_run(const std::string& task, const RunOptions& options);

// How long a training is: `steps`, or `epochs` times what an epoch has; one of both is given, or
// the recipe's number of epochs (or else of steps) is filled in: as given here, or else the usual
// one of the options. Where a resumed run is given the
// one, the other follows. Throws InvalidOption when both are given and say different things.
void fill_length(RunOptions& options, int64_t steps_per_epoch,
                 std::optional<int64_t> epochs_of_recipe = {},
                 std::optional<int64_t> steps_of_recipe = {});

// What a task found in its data, by what it is ({{"boxes of 'cat'", 12}, ...}): kept, and compared
// when a run goes on, which says what is different.
using Counts = std::vector<std::pair<std::string, int64_t>>;
void note_counts(RunOptions& options, const Counts& counts);

// The files of the data that a run's configuration names are others than when it began, in words;
// "": they are the same, or nobody can tell. Throws Error when they are gone.
std::string changed_files(const Json& config);

// Says what lies among the data and is not read ("left out: ..."); "": nothing.
void say_left_out(const std::string& source, const std::string& left_out);

}  // namespace cairn::train
