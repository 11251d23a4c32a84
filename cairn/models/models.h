// All networks.
#pragma once
#include "cairn/models/cnn.h"
#include "cairn/models/detector.h"
#include "cairn/models/gan.h"
#include "cairn/models/recurrent.h"
#include "cairn/models/transformer.h"
