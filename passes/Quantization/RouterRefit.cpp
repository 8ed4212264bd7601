// A router for the outputs of a compressed encoder that decides as the f32 one did.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/RouterRefit.h"
#include "absl/strings/str_cat.h"
#include "passes/Quantization/Cholesky.h"
#include "passes/Quantization/ExactMath.h"
#include "passes/Quantization/Parallel.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace gem::quant;

namespace {

constexpr int64_t kBatch = 256; // tokens whose sums are made together
constexpr int kCheckedEpochs = 5;

template <typename T> std::vector<T> transpose(const float *matrix, int64_t rows, int64_t columns) {
  std::vector<T> result(rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result[j * rows + i] = matrix[i * columns + j];
  return result;
}

/// rows [count, width] times matrix [outputs, width] transposed.
std::vector<float> project(const float *rows, int64_t count, const std::vector<float> &matrix,
                           int64_t width, unsigned threads) {
  const int64_t outputs = static_cast<int64_t>(matrix.size()) / width;
  const std::vector<float> transposed = transpose<float>(matrix.data(), outputs, width);
  std::vector<float> result(count * outputs);
  parallelRanges(count, threads, [&](int64_t first, int64_t last) {
    multiplyAdd(result.data() + first * outputs, outputs, rows + first * width, width,
                transposed.data(), outputs, last - first, outputs, width);
  });
  return result;
}

/// The squared lengths of rows.
std::vector<float> squaredLengths(const std::vector<float> &rows, int64_t width) {
  std::vector<float> lengths(rows.size() / width);
  for (size_t row = 0; row < lengths.size(); ++row) {
    double sum = 0;
    for (int64_t k = 0; k < width; ++k)
      sum += static_cast<double>(rows[row * width + k]) * rows[row * width + k];
    lengths[row] = static_cast<float>(sum);
  }
  return lengths;
}

/// log max(softmax(logits)); sets `probabilities` when it is not null.
double logLargest(const float *logits, int64_t count, int64_t &largest, double *probabilities) {
  largest = std::max_element(logits, logits + count) - logits;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const double value = exactExp(static_cast<double>(logits[i]) - logits[largest]);
    if (probabilities)
      probabilities[i] = value;
    sum += value;
  }
  for (int64_t i = 0; probabilities && i < count; ++i)
    probabilities[i] /= sum;
  return -exactLog(sum);
}

/// signals [count, outputs] transposed times rows [count, width], in the order of the rows.
std::vector<float> gather(const std::vector<float> &signals, const float *rows, int64_t count,
                          int64_t width, unsigned threads) {
  const int64_t outputs = static_cast<int64_t>(signals.size()) / count;
  const std::vector<float> transposed = transpose<float>(signals.data(), count, outputs);
  std::vector<float> sums(outputs * width);
  parallelRanges(outputs, threads, [&](int64_t first, int64_t last) {
    multiplyAdd(sums.data() + first * width, width, transposed.data() + first * count, count, rows,
                width, last - first, width, count);
  });
  return sums;
}

/// How steep a logistic function is that changes over noise of this mean square.
double steepness(double meanSquare) { return 1.7 / std::sqrt(std::max(meanSquare, 1e-12)); }

} // namespace

RouterRefit::RouterRefit(Router router, const RouterRefitOptions &options, unsigned threads)
    : original(std::move(router)), options(options), threads(threads), random(options.seed),
      second(original.width * original.width), targets(original.routing.size()),
      shifts(original.centroids.size()), counts(original.clusters()) {}

std::vector<RouterRefit::Decision> RouterRefit::decide(const float *rows, int64_t count,
                                                       const Router &router) const {
  const int64_t width = router.width, classes = router.classes(), clusters = router.clusters();
  const std::vector<float> logits = project(rows, count, router.routing, width, threads);
  const std::vector<float> products = project(rows, count, router.centroids, width, threads);
  const std::vector<float> lengths = squaredLengths(router.centroids, width);
  const double logThreshold = exactLog(router.threshold);
  std::vector<Decision> result(count);
  parallelRanges(count, threads, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; ++t) {
      Decision &decision = result[t];
      int64_t largest = 0;
      decision.margin = static_cast<float>(
          logLargest(logits.data() + t * classes, classes, largest, nullptr) - logThreshold);
      decision.isRouted = decision.margin > 0;
      // Without |x|^2, which all have in common.
      auto distance = [&](int64_t k) { return lengths[k] - 2 * products[t * clusters + k]; };
      int64_t nearest = 0, next = -1;
      for (int64_t k = 1; k < clusters; ++k) {
        if (distance(k) < distance(nearest)) {
          next = nearest;
          nearest = k;
        } else if (next < 0 || distance(k) < distance(next)) {
          next = k;
        }
      }
      decision.cluster = static_cast<int32_t>(nearest);
      decision.second = static_cast<int32_t>(next < 0 ? nearest : next);
      decision.gap = distance(decision.second) - distance(nearest);
    }
  });
  return result;
}

absl::Status RouterRefit::add(absl::Span<const float> reference,
                              absl::Span<const float> compressed) {
  const int64_t width = original.width, classes = original.classes();
  if (reference.size() != compressed.size() || reference.size() % width != 0)
    return absl::InvalidArgumentError(
        absl::StrCat("expected the same rows of ", width, " values from both encoders, but got ",
                     reference.size(), " and ", compressed.size(), " values"));
  for (absl::Span<const float> values : {reference, compressed})
    for (float value : values)
      if (!std::isfinite(value))
        return absl::InvalidArgumentError(
            absl::StrCat("expected finite outputs of the encoder, but got ", value));
  const int64_t added = static_cast<int64_t>(reference.size()) / width;
  for (int64_t start = 0; start < added; start += kBatch) {
    const int64_t count = std::min(kBatch, added - start);
    const float *x = reference.data() + start * width;
    const float *other = compressed.data() + start * width;
    const std::vector<Decision> decided = decide(x, count, original);
    const std::vector<float> logits = project(x, count, original.routing, width, threads);
    const std::vector<double> rows(other, other + count * width);
    const std::vector<double> columns = transpose<double>(other, count, width);
    const std::vector<double> wanted = transpose<double>(logits.data(), count, classes);
    parallelRanges(width, threads, [&](int64_t first, int64_t last) {
      multiplyAdd(second.data() + first * width, width, columns.data() + first * count, count,
                  rows.data(), width, last - first, width, count);
    });
    multiplyAdd(targets.data(), width, wanted.data(), count, rows.data(), width, classes, width,
                count);
    for (int64_t t = 0; t < count; ++t) {
      const Decision &decision = decided[t];
      ++counts[decision.cluster];
      double *shift = shifts.data() + decision.cluster * width;
      for (int64_t k = 0; k < width; ++k)
        shift[k] += static_cast<double>(other[t * width + k]) - x[t * width + k];
      // Vitter's algorithm R (ACM Trans. Math. Softw. 11, 1985).
      int64_t place = kept;
      if (kept < options.keptTokens) {
        ++kept;
        inputs.resize(kept * width);
        decisions.resize(kept);
        ++tokens;
      } else {
        place = static_cast<int64_t>(random() % static_cast<uint64_t>(++tokens));
      }
      if (place >= kept)
        continue;
      std::memcpy(inputs.data() + place * width, other + t * width, width * sizeof(float));
      decisions[place] = decision;
    }
  }
  return absl::OkStatus();
}

RouterFlips RouterRefit::countFlips(const Router &router, int64_t first, int64_t last) const {
  RouterFlips flips;
  flips.tokens = last - first;
  const std::vector<Decision> now =
      decide(inputs.data() + first * router.width, last - first, router);
  for (int64_t t = first; t < last; ++t) {
    flips.routed += now[t - first].isRouted != decisions[t].isRouted;
    flips.cluster += now[t - first].cluster != decisions[t].cluster;
  }
  return flips;
}

void RouterRefit::fitRouting(Router &router) const {
  const int64_t width = router.width, classes = router.classes(), count = trained();
  double mean = 0;
  for (int64_t k = 0; k < width; ++k)
    mean += second[k * width + k] / static_cast<double>(width);
  const double lambda = std::max(options.ridge * mean, 1e-12);
  std::vector<double> factor = second;
  for (int64_t k = 0; k < width; ++k)
    factor[k * width + k] += lambda;
  if (!factorizeCholesky(factor.data(), width, threads))
    return;
  Router trial = router;
  std::vector<double> solution(width);
  for (int64_t row = 0; row < classes; ++row) {
    for (int64_t k = 0; k < width; ++k)
      solution[k] = targets[row * width + k] + lambda * original.routing[row * width + k];
    solveCholesky(factor.data(), width, solution.data());
    for (int64_t k = 0; k < width; ++k)
      trial.routing[row * width + k] = static_cast<float>(solution[k]);
  }

  int64_t best = countFlips(router, count, kept).routed;
  auto keepIfBetter = [&] {
    const int64_t flips = countFlips(trial, count, kept).routed;
    if (flips < best) {
      best = flips;
      router.routing = trial.routing;
    }
  };
  keepIfBetter();

  // The noise that compression leaves on the margin says how wide the loss has to be.
  double noise = 0;
  const std::vector<Decision> now = decide(inputs.data(), count, trial);
  for (int64_t t = 0; t < count; ++t) {
    const double difference = static_cast<double>(now[t].margin) - decisions[t].margin;
    noise += difference * difference / static_cast<double>(count);
  }
  const double steep = steepness(noise), logThreshold = exactLog(router.threshold);
  std::vector<float> signals(count * classes);
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const std::vector<float> logits = project(inputs.data(), count, trial.routing, width, threads);
    parallelRanges(count, threads, [&](int64_t first, int64_t last) {
      std::vector<double> probabilities(classes);
      for (int64_t t = first; t < last; ++t) {
        int64_t largest = 0;
        const double margin =
            logLargest(logits.data() + t * classes, classes, largest, probabilities.data()) -
            logThreshold;
        const double sign = decisions[t].isRouted ? 1 : -1;
        const double pull = sign / (1 + exactExp(sign * steep * margin));
        for (int64_t i = 0; i < classes; ++i)
          signals[t * classes + i] = static_cast<float>(pull * ((i == largest) - probabilities[i]));
      }
    });
    const std::vector<float> sums = gather(signals, inputs.data(), count, width, threads);
    // In units of the logits: sum x' x'^T is its metric, of all tokens.
    const double step =
        4.0 / steep / (1 + epoch / 20.0) * static_cast<double>(tokens) / static_cast<double>(count);
    for (int64_t row = 0; row < classes; ++row) {
      std::copy_n(sums.data() + row * width, width, solution.data());
      solveCholesky(factor.data(), width, solution.data());
      for (int64_t k = 0; k < width; ++k)
        trial.routing[row * width + k] += static_cast<float>(step * solution[k]);
    }
    if (epoch % kCheckedEpochs == 0)
      keepIfBetter();
  }
}

void RouterRefit::fitCentroids(Router &router) const {
  const int64_t width = router.width, clusters = router.clusters(), count = trained();
  Router trial = router;
  std::vector<double> overall(width);
  for (int64_t k = 0; k < clusters; ++k)
    for (int64_t i = 0; i < width; ++i)
      overall[i] += shifts[k * width + i] / static_cast<double>(tokens);
  for (int64_t k = 0; k < clusters; ++k)
    for (int64_t i = 0; i < width; ++i)
      trial.centroids[k * width + i] +=
          static_cast<float>((shifts[k * width + i] + options.rareTokens * overall[i]) /
                             (static_cast<double>(counts[k]) + options.rareTokens));

  int64_t best = countFlips(router, count, kept).cluster;
  auto keepIfBetter = [&] {
    const int64_t flips = countFlips(trial, count, kept).cluster;
    if (flips < best) {
      best = flips;
      router.centroids = trial.centroids;
    }
  };
  keepIfBetter();

  double noise = 0;
  {
    const std::vector<float> products =
        project(inputs.data(), count, trial.centroids, width, threads);
    const std::vector<float> lengths = squaredLengths(trial.centroids, width);
    for (int64_t t = 0; t < count; ++t) {
      const Decision &decision = decisions[t];
      const float *product = products.data() + t * clusters;
      const double gap = static_cast<double>(lengths[decision.second]) - lengths[decision.cluster] -
                         2.0 * (product[decision.second] - product[decision.cluster]);
      noise += (gap - decision.gap) * (gap - decision.gap) / static_cast<double>(count);
    }
  }
  const double steep = steepness(noise);
  std::vector<float> signals(count * clusters);
  std::vector<double> sizes(clusters, 1.0);
  for (int64_t t = 0; t < count; ++t)
    sizes[decisions[t].cluster] += 1;
  for (int epoch = 1; epoch <= options.epochs; ++epoch) {
    const std::vector<float> products =
        project(inputs.data(), count, trial.centroids, width, threads);
    const std::vector<float> lengths = squaredLengths(trial.centroids, width);
    parallelRanges(count, threads, [&](int64_t first, int64_t last) {
      std::vector<float> scores(clusters);
      std::vector<double> probabilities(clusters);
      for (int64_t t = first; t < last; ++t) {
        for (int64_t k = 0; k < clusters; ++k)
          scores[k] = static_cast<float>(
              steep * (2.0 * products[t * clusters + k] - static_cast<double>(lengths[k])));
        int64_t largest = 0;
        logLargest(scores.data(), clusters, largest, probabilities.data());
        for (int64_t k = 0; k < clusters; ++k)
          signals[t * clusters + k] =
              static_cast<float>((k == decisions[t].cluster) - probabilities[k]);
      }
    });
    const std::vector<float> sums = gather(signals, inputs.data(), count, width, threads);
    const double step = 1.0 / (1 + epoch / 20.0);
    for (int64_t k = 0; k < clusters; ++k) {
      double signal = 0;
      for (int64_t t = 0; t < count; ++t)
        signal += signals[t * clusters + k];
      for (int64_t i = 0; i < width; ++i) {
        float &value = trial.centroids[k * width + i];
        value += static_cast<float>(step / sizes[k] * (sums[k * width + i] - signal * value));
      }
    }
    if (epoch % kCheckedEpochs == 0)
      keepIfBetter();
  }
}

RouterRefitResult RouterRefit::fit() const {
  RouterRefitResult result;
  result.router = original;
  result.tokens = tokens;
  const int64_t count = trained();
  result.before = countFlips(original, 0, count);
  result.heldOutBefore = countFlips(original, count, kept);
  if (kept > 0) {
    fitRouting(result.router);
    fitCentroids(result.router);
  }
  result.after = countFlips(result.router, 0, count);
  result.heldOutAfter = countFlips(result.router, count, kept);
  return result;
}
