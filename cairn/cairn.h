// Everything that a program needs: tensors and ops, gradients, compile(), modules, optimizers,
// data, files.
#pragma once
#include "cairn/autograd/autograd.h"
#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/data/loader.h"
#include "cairn/io/tensors.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/fourier.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/grid.h"
#include "cairn/ops/linalg.h"
#include "cairn/ops/numeric.h"
#include "cairn/ops/pick.h"
#include "cairn/optim/optim.h"
