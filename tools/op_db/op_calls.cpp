// op_calls IN.safetensors OUT.safetensors: runs the calls of compare_op_db.py in each mode (eager,
// compiled, reference) and writes results, first and second gradients, or why there are none.
#include "tools/op_db/op_calls.h"

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/io/tensors.h"
#include "cairn/ops/context.h"

namespace cairn::op_db {

using nlohmann::json;

double Call::num(const char* name, double otherwise) const {
  if (!has(name)) return otherwise;
  const json& v = options_.at(name);
  return v.is_string() ? std::stod(v.get<std::string>()) : v.get<double>();  // "inf", "nan"
}
int64_t Call::whole(const char* name, int64_t otherwise) const {
  return has(name) ? options_.at(name).get<int64_t>() : otherwise;
}
Ints Call::ints(const char* name, Ints otherwise) const {
  if (!has(name)) return otherwise;
  Ints values;
  for (const json& v : options_.at(name)) values.push_back(v.get<int64_t>());
  return values;
}
std::vector<double> Call::numbers(const char* name) const {
  return has(name) ? options_.at(name).get<std::vector<double>>() : std::vector<double>();
}
std::string Call::text(const char* name, const char* otherwise) const {
  return has(name) ? options_.at(name).get<std::string>() : otherwise;
}

namespace {

// 0.5 to 1.5 by place, as in the script.
Tensor weights(const Tensor& like, int64_t first) {
  std::vector<float> w(static_cast<size_t>(like.numel()));
  for (size_t k = 0; k < w.size(); ++k)
    w[k] = 0.5f + 0.125f * static_cast<float>((static_cast<int64_t>(k) + first) % 9);
  return cast(from_host(w.data(), like.shape(), DType::f32), like.dtype());
}
Tensor weighted(const Tensors& parts) {
  Tensor total;
  int64_t first = 0;
  for (const Tensor& t : parts) {
    if (!t.defined() || !t.requires_grad() || !is_float(t.dtype())) continue;
    const Tensor part = sum(t * weights(t, first++));
    total = total.defined() ? total + cast(part, total.dtype()) : part;
  }
  return total;
}
Tensors gradients(const Tensors& of, const Tensors& leaves, bool again) {
  Tensors found;
  if (const Tensor total = weighted(of); total.defined())
    found = grad({total}, leaves, {.create_graph = again, .allow_unused = true});
  found.resize(leaves.size());
  for (size_t i = 0; i < found.size(); ++i)
    if (!found[i].defined()) found[i] = full(leaves[i].shape(), 0, leaves[i].dtype());
  return found;
}

struct Job {
  const Function* function;
  const json* call;
};
// Results, then gradients of the starred tensors, then theirs; `counts` says how many each.
Tensors run(const Job& job, std::span<const Tensor> given, std::vector<size_t>& counts) {
  const json& call = *job.call;
  Tensors tensors, leaves;
  size_t next = 0;
  for (const json& place : call.at("tensors")) {
    tensors.push_back(place.is_null() ? Tensor() : given[next++]);
    if (place.is_null() || !place.at(1).get<bool>()) continue;
    tensors.back() = tensors.back().detach().set_requires_grad();
    leaves.push_back(tensors.back());
  }
  Tensors all = (*job.function)(Call(tensors, call.at("options")));
  counts = {all.size()};
  const int64_t order = call.at("gradients").get<int64_t>();
  Tensors last = all;
  for (int64_t k = 0; k < order; ++k) {
    last = gradients(last, leaves, k + 1 < order);
    counts.push_back(last.size());
    all.insert(all.end(), last.begin(), last.end());
  }
  for (Tensor& t : all) t = t.detach();
  return all;
}

int main_of(const std::string& from, const std::string& to) {
  io::Metadata metadata;
  std::map<std::string, Tensor> inputs;
  for (auto& [name, t] : io::load_tensors(from, &metadata)) inputs.emplace(name, t);
  Functions functions;
  add_elementwise(functions), add_shapes(functions), add_networks(functions),
      add_algebra(functions);
  NamedTensors results;
  io::Metadata said;
  const json calls = json::parse(metadata.at("calls"));
  for (const char* mode : {"eager", "compiled", "reference"}) {
    BackendScope scope(backend_named(mode == std::string("reference") ? "reference" : "cpu"));
    for (size_t i = 0; i < calls.size(); ++i) {
      const std::string name = fmt::format("{}.{}", mode, i);
      try {
        const json& call = calls[i];
        const auto found = functions.find(call.at("function").get<std::string>());
        check(found != functions.end(), "no function {}", call.at("function").get<std::string>());
        const Job job{&found->second, &call};
        Tensors given;
        for (const json& place : call.at("tensors"))
          if (!place.is_null()) {
            const Tensor& t = inputs.at(place.at(0).get<std::string>());
            std::vector<char> raw(static_cast<size_t>(t.numel()) * size_of(t.dtype()) + 1);
            copy_to_host(t, raw.data());
            given.push_back(from_host(raw.data(), t.shape(), t.dtype()));
          }
        std::vector<size_t> counts;
        Tensors all;
        if (mode == std::string("compiled"))
          all = CompiledFunction([&](std::span<const Tensor> in) {
                  return run(job, in, counts);
                }).call(given);
        else all = run(job, given, counts);
        for (size_t k = 0; k < all.size(); ++k)
          results.emplace_back(fmt::format("{}.{}", name, k), contiguous(all[k]));
        said[name] = json(counts).dump();
      } catch (const std::exception& e) { said[name] = std::string("refused: ") + e.what(); }
    }
  }
  io::save_tensors(to, results, said);
  return 0;
}

}  // namespace
}  // namespace cairn::op_db

int main(int count, char** arguments) {
  if (count != 3) return 2;
  return cairn::op_db::main_of(arguments[1], arguments[2]);
}
