#include "cairn/cli/synonyms.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace cairn::cli {
namespace {

// Other names -> ours; the first that the command has.
const std::multimap<std::string, std::string>& names() {
  static const std::multimap<std::string, std::string> all = [] {
    const std::vector<std::pair<const char*, std::vector<const char*>>> ours = {
        {"lr", {"learning-rate", "learningrate", "rate", "alpha", "eta"}},
        {"batch", {"batch-size", "batchsize", "bs", "b", "batches", "minibatch"}},
        {"epochs", {"num-epochs", "n-epochs", "max-epochs", "nb-epoch", "e", "passes"}},
        {"steps",
         {"max-steps", "num-steps", "iterations", "iters", "max-iters", "n-iter", "updates"}},
        {"out",
         {"output", "output-dir", "out-dir", "save-dir", "log-dir", "logdir", "run-dir", "o",
          "save", "save-path", "model-dir", "name", "dest", "folder"}},
        {"data",
         {"dataset", "data-dir", "data-path", "train-data", "train-dir", "input", "input-dir", "d",
          "i", "source", "root", "train", "corpus", "file"}},
        {"model", {"arch", "architecture", "network", "net", "m", "backbone"}},
        {"weight-decay", {"wd", "l2", "decay", "regularization"}},
        {"optimizer", {"optim", "opt", "optimiser", "solver"}},
        {"betas", {"beta1", "beta2", "momentum", "beta"}},
        {"clip",
         {"grad-clip", "gradient-clip", "clip-grad", "clip-norm", "max-grad-norm",
          "gradient-clip-val", "clip-grad-norm"}},
        {"accumulate",
         {"accumulation-steps", "gradient-accumulation-steps", "grad-accum",
          "accumulate-grad-batches", "gradient-accumulation"}},
        {"precision", {"dtype", "amp", "fp16", "bf16", "half", "mixed-precision", "autocast"}},
        {"val-split",
         {"validation-split", "val-size", "validation", "val-fraction", "holdout", "val-frac",
          "test-size", "validation-fraction"}},
        {"patience", {"early-stopping", "early-stop", "es-patience", "early-stopping-patience"}},
        {"ema", {"ema-decay", "use-ema", "average", "averaging", "swa"}},
        {"eval-every",
         {"eval-interval", "eval-steps", "validate-every", "val-interval", "eval-freq", "log-every",
          "log-interval", "logging-steps"}},
        {"save-every",
         {"save-interval", "save-steps", "checkpoint-every", "save-freq", "checkpoint-interval"}},
        {"init",
         {"weights", "pretrained", "init-from", "load", "from", "checkpoint", "ckpt", "finetune",
          "fine-tune", "init-weights"}},
        {"resume", {"continue", "resume-from", "restart", "go-on"}},
        {"keep", {"save-best", "best", "save-best-only"}},
        {"threads",
         {"num-threads", "n-threads", "jobs", "j", "cpus", "cores", "nproc", "n-jobs",
          "num-workers", "workers", "n-workers", "num-cpus"}},
        {"seed", {"random-seed", "random-state", "rng", "s", "manual-seed"}},
        {"quiet", {"silent", "q", "no-progress", "verbose", "verbosity", "v"}},
        {"image-size",
         {"img-size", "imgsz", "size", "resolution", "input-size", "crop-size", "image-dim"}},
        {"label-smoothing", {"smoothing"}},
        {"width",
         {"hidden-size", "hidden-dim", "hidden", "embed-dim", "n-embd", "d-model", "dim",
          "channels", "units", "embedding-dim"}},
        {"layers", {"num-layers", "n-layers", "n-layer", "depth", "num-hidden-layers"}},
        {"heads", {"num-heads", "n-heads", "n-head", "num-attention-heads"}},
        {"context",
         {"seq-len", "sequence-length", "block-size", "context-length", "max-length", "seq-length",
          "bptt", "window", "n-ctx"}},
        {"dropout", {"drop", "p", "drop-rate", "dropout-rate"}},
        {"tokens", {"tokenizer", "vocab"}},
        {"target", {"label", "label-column", "target-column", "y", "column"}},
        {"max-tokens",
         {"length", "max-length", "max-new-tokens", "num-tokens", "tokens", "n", "max-len",
          "n-predict"}},
        {"prompt", {"text", "start", "p", "prefix", "input"}},
        {"temperature", {"temp", "t"}},
        {"top", {"topk", "top-k", "k", "n"}},
        {"top-k", {"topk", "k"}},
        {"top-p", {"topp", "nucleus"}},
        {"beams", {"num-beams", "beam", "beam-size", "beam-width"}},
        {"count", {"num-samples", "samples", "num", "n", "number"}},
        {"label", {"class", "category"}},
        {"invert", {"inverted", "negative", "negate"}},
        {"csv", {"output", "out", "save"}},
        {"conditional", {"class-conditional", "cond"}},
        {"z", {"latent-dim", "latent", "noise-dim", "nz"}},
        {"json", {"format", "output-format"}},
        {"profile", {"trace", "profiler"}},
        {"config", {"config-file", "cfg", "c", "yaml", "params"}}};
    std::multimap<std::string, std::string> others;
    for (const auto& [name, synonyms] : ours)
      for (const char* synonym : synonyms) others.emplace(synonym, std::string("--") + name);
    return others;
  }();
  return all;
}

// What there is no option for, and why.
const std::map<std::string, std::string>& answers() {
  const char* const cpu = "this build computes on the processor alone: leave it out";
  static const std::map<std::string, std::string> all = {
      {"device", cpu},
      {"gpu", cpu},
      {"gpus", cpu},
      {"cuda", cpu},
      {"cpu", cpu},
      {"no-cuda", cpu},
      {"accelerator", cpu},
      {"n-gpu", cpu},
      {"num-gpus", cpu},
      {"devices", cpu},
      {"ngpu", cpu},
      {"scheduler",
       "the learning rate follows the schedule that suits the task; --lr is its highest"},
      {"lr-scheduler",
       "the learning rate follows the schedule that suits the task; --lr is its highest"},
      {"schedule",
       "the learning rate follows the schedule that suits the task; --lr is its highest"},
      {"warmup", "the learning rate rises at first by itself; --lr is its highest"},
      {"warmup-steps", "the learning rate rises at first by itself; --lr is its highest"},
      {"loss", "the task says which loss is used"},
      {"num-classes", "the classes are those of the data"},
      {"classes", "the classes are those of the data"},
      {"shuffle", "training data are shuffled in every pass"},
      {"no-shuffle", "training data are shuffled in every pass"},
      {"pin-memory", "nothing is copied to another memory: leave it out"},
      {"prefetch", "batches are made ahead by themselves: leave it out"},
      {"compile", "everything is compiled: leave it out"},
      {"deterministic", "it is: the same seed and threads give the same bits"},
      {"tensorboard", "a run's folder holds TensorBoard's events"},
      {"wandb", "a run's folder holds metrics.jsonl and TensorBoard's events"},
      {"distributed", "one machine trains"},
      {"world-size", "one machine trains"},
      {"local-rank", "one machine trains"}};
  return all;
}

// "--Learning_Rate=3" -> "learning-rate"
std::string plain(const std::string& flag) {
  std::string name = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  name = name.substr(0, name.find('='));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  return name;
}

}  // namespace

std::string said_of_synonym(const std::string& flag, const std::vector<std::string>& known) {
  if (!flag.starts_with("-")) return "";
  const std::string name = plain(flag);
  const auto has = [&](const std::string& n) {
    return std::find(known.begin(), known.end(), n) != known.end();
  };
  if (flag.substr(0, flag.find('=')) == "--" + name && has("--" + name))
    return "it is one of the task's: write it behind the task";
  if (has("--" + name)) return fmt::format("it is written --{}", name);
  const auto [first, last] = names().equal_range(name);
  for (auto it = first; it != last; ++it)
    if (has(it->second)) return fmt::format("it is called {} here", it->second);
  const auto answer = answers().find(name);
  return answer == answers().end() ? "" : answer->second;
}

}  // namespace cairn::cli
