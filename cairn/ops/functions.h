// Every function on tensors that users call, by family.
#pragma once
#include "cairn/ops/conv.h"
#include "cairn/ops/elementwise.h"
#include "cairn/ops/index.h"
#include "cairn/ops/loss.h"
#include "cairn/ops/matmul.h"
#include "cairn/ops/norm.h"
#include "cairn/ops/pool.h"
#include "cairn/ops/random.h"
#include "cairn/ops/reduce.h"
#include "cairn/ops/view.h"
