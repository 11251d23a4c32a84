// All modules.
#pragma once
#include "cairn/nn/adversarial.h"
#include "cairn/nn/attention.h"
#include "cairn/nn/containers.h"
#include "cairn/nn/conv.h"
#include "cairn/nn/init.h"
#include "cairn/nn/linear.h"
#include "cairn/nn/module.h"
#include "cairn/nn/norm.h"
#include "cairn/nn/pool.h"
#include "cairn/nn/rnn.h"
#include "cairn/nn/spectral_norm.h"
#include "cairn/nn/summary.h"
