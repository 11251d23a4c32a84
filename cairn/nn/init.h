// Initial values, with PyTorch's formulas, drawn from the thread's generator. Each gives a new
// value of the shape; assign(weight, init::xavier_normal(weight.shape())) re-initialises a
// parameter. fan_in and fan_out of a weight [out, in, kernel...] are in * kernel and out * kernel.
#pragma once
#include "cairn/tensor/tensor.h"

namespace cairn::nn::init {

// While one lives, its thread draws none of these values: all are 0. For a network whose weights
// are read next, where random numbers would take longer than the reading.
class Undrawn {
 public:
  Undrawn();
  ~Undrawn();
  Undrawn(const Undrawn&) = delete;
  Undrawn& operator=(const Undrawn&) = delete;

 private:
  bool before_;
};

enum class Fan { in, out };
struct Fans {
  double in, out;
};
Fans fans_of(const Shape& weight);

Tensor uniform(const Shape& shape, double low = 0, double high = 1);
Tensor normal(const Shape& shape, double mean = 0, double deviation = 1);
Tensor trunc_normal(const Shape& shape, double mean = 0, double deviation = 1, double low = -2,
                    double high = 2);
Tensor constant(const Shape& shape, double value);
// Glorot & Bengio 2010.
Tensor xavier_uniform(const Shape& shape, double gain = 1);
Tensor xavier_normal(const Shape& shape, double gain = 1);
// He et al. 2015, for a leaky ReLU of slope `a`.
Tensor kaiming_uniform(const Shape& shape, double a = 0, Fan fan = Fan::in);
Tensor kaiming_normal(const Shape& shape, double a = 0, Fan fan = Fan::in);
// Saxe et al. 2013: rows (or columns) of the flattened [rows, rest] matrix are orthonormal.
Tensor orthogonal(const Shape& shape, double gain = 1);

}  // namespace cairn::nn::init
