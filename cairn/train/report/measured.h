// What an evaluation measured, as figures.
#pragma once
#include "cairn/base/json.h"
#include "cairn/data/table.h"
#include "cairn/metrics/calibration.h"
#include "cairn/metrics/classification.h"
#include "cairn/train/report/curves.h"

namespace cairn::train::report {

constexpr size_t kMostClasses = 30;  // of a table that is readable

// Which class is taken for which, the counts in their cells; none for more classes than are
// readable, or none at all.
std::vector<Figure> confusion_figure(const metrics::Confusion& confusion,
                                     const std::vector<std::string>& classes);
// Of what metrics::classification measured.
std::vector<Figure> confusion_figure(const Json& measured, const std::vector<std::string>& classes);

// Precision, recall and F1 of each class; none for more classes than are readable, or none at all.
std::vector<Figure> class_scores_figure(const metrics::Confusion& confusion,
                                        const std::vector<std::string>& classes);

// How often it is right where it is so sure, with the expected calibration error.
std::vector<Figure> calibration_figure(const metrics::Calibration& calibration);

// A point for each example: what is right, and what was said; and the line where both are equal.
std::vector<Figure> regression_figure(const std::string& what, const std::vector<double>& truth,
                                      const std::vector<double>& said);

// The one or the other for the target of a table; `truth` and `outputs` as the encoding makes and
// decodes them.
std::vector<Figure> said_figure(const data::TableEncoding& encoding, const Tensor& truth,
                                const Tensor& outputs);

}  // namespace cairn::train::report
