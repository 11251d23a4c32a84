#include "cairn/tasks/adversarial/gan_signals.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/base/error.h"

namespace cairn::tasks::adversarial {
namespace {

constexpr double kFirstReadings = 4;  // nothing is said before: a start looks like all of these
constexpr double kLeastDiversity = 0.3, kFallOfDiversity = 0.5;
constexpr double kDiscriminatorAccuracy = 0.97;
constexpr double kVanished = 1e-3;   // of the largest
constexpr double kExploded = 30;     // times the usual
constexpr double kUsualMemory = 20;  // readings
constexpr double kRise = 1.05;       // times what it was: more than noise
constexpr double kCollapsed = 3;     // readings

GanSignal collapse(double diversity, double best) {
  return {"collapse",
          fmt::format("the generator collapses: its samples differ {:.0f} % as much as the images "
                      "of the data (at best it was {:.0f} %), so it draws the same few pictures. "
                      "Try a lower lr, a larger batch, or where the task has them loss hinge with "
                      "norm spectral, or model wgan-gp",
                      diversity * 100, best * 100)};
}

GanSignal discriminator_wins(double discriminator_accuracy) {
  return {
      "discriminator-wins",
      fmt::format(
          "the discriminator wins: it tells {:.1f} % of real and generated images "
          "apart, so the generator hears only that all is wrong. Try a lower "
          "rate, or where the task has them lr-discriminator, r1 1, norm spectral, model wgan-gp",
          discriminator_accuracy * 100)};
}

GanSignal vanishing(double norm, double largest) {
  return {
      "vanishing-gradients",
      fmt::format("the generator's gradient vanishes: its norm is {:.2g}, it was {:.2g}, so "
                  "it learns nothing. Try loss non-saturating (minimax is flat where the "
                  "discriminator is sure), a lower rate, or where the task has it model wgan-gp",
                  norm, largest)};
}

GanSignal exploding(const char* network, double norm, double usual) {
  return {"exploding-gradients",
          fmt::format("the {}'s gradient explodes: its norm is {:.2g}, {:.2g} was usual. Try a "
                      "lower lr, or where the task has them norm spectral, model wgan-gp",
                      network, norm, usual)};
}

}  // namespace

double GanSignals::Usual::value() const { return std::exp(log_mean); }

void GanSignals::Usual::add(double norm) {
  count = std::min(count + 1, kUsualMemory);
  log_mean += (std::log(std::max(norm, 1e-30)) - log_mean) / count;
}

bool GanSignals::explodes(Usual& usual, Lasting& lasting, double norm) {
  const bool known = readings_ > kFirstReadings;
  const bool far = known && !(norm < kExploded * usual.value());  // true for NaN
  if (!far) usual.add(norm);
  return lasting.begins(far, 1);
}

void GanSignals::Trend::add(double value) {
  std::rotate(last.begin(), last.begin() + 1, last.end());
  last.back() = value;
}

bool GanSignals::Trend::rises() const {  // false while there are too few
  const auto not_higher = [](double before, double after) { return !(after > before); };
  if (std::adjacent_find(last.end() - kSide - 1, last.end(), not_higher) == last.end()) return true;
  const double before = std::accumulate(last.begin(), last.begin() + kSide, 0.0);
  return std::accumulate(last.begin() + kSide, last.end(), 0.0) > kRise * before;
}

// A generator that has learned little so far draws alike, too: while its samples become more
// different from reading to reading, nothing collapses. One that has collapsed stays so until its
// diversity is back.
bool GanSignals::collapses(double diversity) {
  best_diversity_ = std::max(best_diversity_, diversity);
  diversity_.add(diversity);
  const bool alike = diversity < std::max(kLeastDiversity, kFallOfDiversity * best_diversity_);
  const bool had_begun = collapsed_.count >= kCollapsed;
  const bool known = readings_ > kFirstReadings;
  return collapsed_.begins(known && alike && (had_begun || !diversity_.rises()), kCollapsed);
}

std::vector<GanSignal> GanSignals::observe(const GanReading& r) {
  std::vector<GanSignal> begun;
  ++readings_;
  const bool known = readings_ > kFirstReadings;
  if (collapses(r.diversity)) begun.push_back(collapse(r.diversity, best_diversity_));
  if (wins_.begins(known && r.discriminator_accuracy > kDiscriminatorAccuracy, 4))
    begun.push_back(discriminator_wins(r.discriminator_accuracy));

  const double usual = generator_.value(), usual_d = discriminator_.value();
  if (std::isfinite(r.generator_gradient))
    largest_gradient_ = std::max(largest_gradient_, r.generator_gradient);
  const bool vanished = known && r.generator_gradient < kVanished * largest_gradient_;
  if (vanishing_.begins(vanished, 2))
    begun.push_back(vanishing(r.generator_gradient, largest_gradient_));
  if (explodes(discriminator_, exploding_discriminator_, r.discriminator_gradient))
    begun.push_back(exploding("discriminator", r.discriminator_gradient, usual_d));
  if (!vanished && explodes(generator_, exploding_generator_, r.generator_gradient))
    begun.push_back(exploding("generator", r.generator_gradient, usual));
  return begun;
}

std::vector<double> GanSignals::state() const {
  std::vector<double> all = {readings_,
                             best_diversity_,
                             largest_gradient_,
                             collapsed_.count,
                             wins_.count,
                             vanishing_.count,
                             exploding_discriminator_.count,
                             exploding_generator_.count,
                             discriminator_.log_mean,
                             discriminator_.count,
                             generator_.log_mean,
                             generator_.count};
  all.insert(all.end(), diversity_.last.begin(), diversity_.last.end());
  return all;
}

void GanSignals::restore(const std::vector<double>& s) {
  const size_t all = state().size(), without_trend = all - diversity_.last.size();
  check(s.size() == all || s.size() == without_trend, "the signals of a GAN are {} numbers, not {}",
        all, s.size());
  size_t at = 0;
  for (double* number :
       {&readings_, &best_diversity_, &largest_gradient_, &collapsed_.count, &wins_.count,
        &vanishing_.count, &exploding_discriminator_.count, &exploding_generator_.count,
        &discriminator_.log_mean, &discriminator_.count, &generator_.log_mean, &generator_.count})
    *number = s[at++];
  diversity_ = Trend();
  if (s.size() == all) std::copy(s.begin() + at, s.end(), diversity_.last.begin());
}

}  // namespace cairn::tasks::adversarial
