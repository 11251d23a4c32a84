// compile(step): traces a function of tensors once for each shape and mode it is called with, and
// replays it as one planned sequence of kernels: forward, backward, update, everything that the
// function did.
//
//   auto step = compile([&](Tensor x, Tensor y) {
//     Tensor loss = cross_entropy(net(x), y);
//     opt.step(loss);
//     return loss;
//   });
//   for (auto& [x, y] : batches) printf("%f\n", step(x, y).item());
//
// What a call reads, as the function would: the values of its arguments; the values of States
// (parameters, buffers, optimizer slots, learning rates), also after assign(), load_state_dict()
// and to(); .grad() of leaves, which backward() inside adds to; the random generator, also after
// manual_seed() and from any thread. What makes a call trace anew, once for each (the key of an
// executable): the arguments' shapes and dtypes, whether they want a gradient and from which
// leaves; which State an argument is; train/eval of modules, their hooks and replaced children;
// frozen parameters; dtypes of parameters; whether a leaf has a gradient; NoGrad, autocast, number
// of threads, back end; a captured variable that was given another tensor (w = other, list[0] = w,
// std::swap), and a tensor or module that nobody but compile() refers to any more (net.emplace()).
//
// What is frozen at the trace, since C++ cannot see it change: numbers of the host (x * alpha,
// tensor({alpha})), branches and loops taken, lengths of lists. What must change from call to call
// is an argument or a State. So that no such number stays unnoticed, the calls 2, 3, 4, 8, 16,
// 32, ... of an executable trace once more and throw Error where anything differs, which then says
// since which call results may be wrong. CAIRN_RETRACE=1 does that at every call, CAIRN_RETRACE=0
// never. (So a function runs at calls that nobody can name: what it refers to has to live as long
// as it is called.)
//
// What is refused with an Error: reading a value; giving a captured variable another value inside;
// a gradient that would flow through the border, from a result back into the function or from the
// function to what an argument was computed from: detach() there.
//
// Executables are kept until they take 256 MB together, then the ones not used for longest are
// given up; a line on standard error names the argument that keeps changing. Threads that call one
// compiled function take turns. Results own their memory.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>

#include "cairn/compile/executable.h"
#include "cairn/tensor/tensor.h"

namespace cairn {

class CompiledFunction {
 public:
  using Body = std::function<Tensors(std::span<const Tensor>)>;
  explicit CompiledFunction(Body body);
  ~CompiledFunction();
  CompiledFunction(CompiledFunction&&) noexcept;

  void call(std::span<const Tensor> arguments, std::span<Tensor> outputs);
  Tensors call(std::span<const Tensor> arguments);
  // How many executables there are, and the one that ran last (nullptr: none yet; until the next
  // call).
  size_t executables() const;
  Executable* last() const;

 private:
  struct Impl;
  class Turn;
  std::unique_ptr<Impl> impl_;
};

namespace detail {
inline Tensors to_list(const Tensor& t) { return {t}; }
inline Tensors to_list(const Tensors& list) { return list; }
template <class... T>
Tensors to_list(const std::tuple<T...>& tuple) {
  return std::apply([](const auto&... t) { return Tensors{t...}; }, tuple);
}
template <class A, class B>
Tensors to_list(const std::pair<A, B>& pair) {
  return {pair.first, pair.second};
}

template <class R>
struct Unpack;
template <>
struct Unpack<Tensor> {
  static Tensor run(CompiledFunction& f, std::span<const Tensor> in) {
    Tensor out;
    f.call(in, {&out, 1});
    return out;
  }
};
template <>
struct Unpack<Tensors> {
  static Tensors run(CompiledFunction& f, std::span<const Tensor> in) { return f.call(in); }
};
template <class... T>
struct Unpack<std::tuple<T...>> {
  static std::tuple<T...> run(CompiledFunction& f, std::span<const Tensor> in) {
    Tensor out[sizeof...(T)];
    f.call(in, out);
    return [&]<size_t... I>(std::index_sequence<I...>) { return std::tuple<T...>(out[I]...); }
    (std::index_sequence_for<T...>());
  }
};
template <>
struct Unpack<std::pair<Tensor, Tensor>> {
  static std::pair<Tensor, Tensor> run(CompiledFunction& f, std::span<const Tensor> in) {
    Tensor out[2];
    f.call(in, out);
    return {out[0], out[1]};
  }
};
template <>
struct Unpack<void> {
  static void run(CompiledFunction& f, std::span<const Tensor> in) { f.call(in, {}); }
};
}  // namespace detail

template <class F, class R, class... Args>
class Compiled {
 public:
  explicit Compiled(F function)
      : function_([fn = std::move(function)](std::span<const Tensor> in) mutable {
          return [&]<size_t... I>(std::index_sequence<I...>)->Tensors {
            if constexpr (std::is_void_v<R>) return fn(in[I]...), Tensors{};
            else return detail::to_list(fn(in[I]...));
          }
          (std::index_sequence_for<Args...>());
        }) {}
  R operator()(const std::remove_cvref_t<Args>&... args) {
    const Tensor in[sizeof...(Args) + 1] = {args...};
    return detail::Unpack<R>::run(function_, {in, sizeof...(Args)});
  }
  CompiledFunction& function() { return function_; }
  Executable* last() const { return function_.last(); }

 private:
  CompiledFunction function_;
};

namespace detail {
template <class F, class R, class C, class... Args>
Compiled<F, R, Args...> compile_as(F f, R (C::*)(Args...) const) {
  return Compiled<F, R, Args...>(std::move(f));
}
template <class F, class R, class C, class... Args>
Compiled<F, R, Args...> compile_as(F f, R (C::*)(Args...)) {
  return Compiled<F, R, Args...>(std::move(f));
}
}  // namespace detail

// For a callable of any number of Tensors that returns nothing, a Tensor, a pair, a tuple or
// Tensors.
template <class F>
auto compile(F function) {
  return detail::compile_as(std::move(function), &F::operator());
}

}  // namespace cairn
