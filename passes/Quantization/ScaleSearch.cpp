// The scales of a row of weights: the clipping that costs least.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/ScaleSearch.h"
#include "dialects/Gem/HalfFloat.h"
#include <algorithm>
#include <limits>

using namespace gem;
using namespace gem::quant;

namespace {

constexpr int kTrials = 16;
/// One lane a trial; sums run over the values in order, whatever the width of the registers.
typedef float Lanes __attribute__((vector_size(kTrials * sizeof(float))));

/// Adding and subtracting rounds to an integer, halves to even, up to 2^22.
constexpr float kRounder = 0x1.8p23f;

struct Sums {
  Lanes error; ///< sum h (u - s q)^2
  Lanes cross; ///< sum h (u - s q) q
  Lanes power; ///< sum h q^2
};

/// Rounds values in units of the full scale by 16 scales at once.
[[gnu::always_inline]] inline void trySteps(const float *units, const float *importance,
                                            int64_t count, const Lanes &scales, float minimum,
                                            float maximum, Sums &sums) {
  const Lanes inverses = 1.0f / scales, low = minimum - Lanes{}, high = maximum - Lanes{};
  Lanes error = {}, cross = {}, power = {};
  for (int64_t i = 0; i < count; ++i) {
    Lanes code = units[i] * inverses;
    code = code > low ? code : low;
    code = code < high ? code : high;
    code = (code + kRounder) - kRounder;
    const Lanes difference = units[i] - scales * code;
    const Lanes weighted = importance[i] * difference;
    error += weighted * difference;
    cross += weighted * code;
    power += importance[i] * (code * code);
  }
  sums = {error, cross, power};
}

void tryScales(const float *units, const float *importance, int64_t count, const Lanes &scales,
               float minimum, float maximum, Sums &sums) {
  trySteps(units, importance, count, scales, minimum, maximum, sums);
}

#if defined(__x86_64__)
// Twice as wide, the same operations: the same bits.
[[gnu::target("avx2")]] void tryScalesAvx2(const float *units, const float *importance,
                                           int64_t count, const Lanes &scales, float minimum,
                                           float maximum, Sums &sums) {
  trySteps(units, importance, count, scales, minimum, maximum, sums);
}
#endif

using TryScales = decltype(&tryScales);
TryScales chooseTryScales() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2"))
    return tryScalesAvx2;
#endif
  return tryScales;
}

/// The smallest bf16 not below `value`, as long as it is finite.
float roundUpToBfloat16(float value) {
  uint16_t bits = floatToBfloat16(value);
  if (bfloat16ToFloat(bits) < value)
    ++bits;
  return bfloat16ToFloat(std::min<uint16_t>(bits, 0x7f7f));
}

} // namespace

ScaleSearch::ScaleSearch(const Format &format, int64_t width, bool isTable, const float *importance)
    : format(format), width(width), isTable(isTable), importance(width, 1.0f), scratch(width),
      ideals(format.group ? format::Groups(width, format.group) : 1) {
  if (!importance)
    return;
  double mean = 0;
  for (int64_t k = 0; k < width; ++k)
    mean += importance[k];
  mean /= static_cast<double>(width);
  if (!(mean > 0))
    return;
  for (int64_t k = 0; k < width; ++k)
    this->importance[k] = static_cast<float>(importance[k] / mean) + 1e-3f;
}

float ScaleSearch::idealScale(const float *values, int64_t first, int64_t count) {
  static const TryScales tryScales = chooseTryScales();
  float lowest = 0, highest = 0;
  for (int64_t i = 0; i < count; ++i) {
    lowest = std::min(lowest, values[i]);
    highest = std::max(highest, values[i]);
  }
  const float minimum = static_cast<float>(format.minimum());
  const float maximum = static_cast<float>(format.maximum());
  float full = std::max(lowest / minimum, highest / maximum);
  if (!(full > 0))
    return 0;
  // Keeps the inverse normal.
  const float lift = full < 0x1p-100f ? 0x1p100f : full > 0x1p100f ? 0x1p-100f : 1.0f;
  const float toUnits = 1.0f / (full * lift);
  float *units = scratch.data();
  for (int64_t i = 0; i < count; ++i)
    units[i] = values[i] * lift * toUnits;

  float top = format.bits == 8 ? 1.01f : 1.2f;
  float ratio = format.bits == 8 ? 0.985f : format.bits == 4 ? 0.945f : 0.92f;
  // ratio^(1/8): 16 steps over two of the coarse ones.
  const float fineRatio = format.bits == 8 ? 0.99811f : format.bits == 4 ? 0.99295f : 0.98963f;
  float best = 1, bestScore = std::numeric_limits<float>::infinity();
  // Every round goes down another 16 steps while the last one was the best; then one
  // between the best's neighbours.
  float center = 1;
  bool isFine = false;
  while (true) {
    Lanes scales;
    float scale = top;
    for (int lane = 0; lane < kTrials; ++lane, scale *= ratio)
      scales[lane] = scale;
    Sums sums;
    tryScales(units, importance.data() + first, count, scales, minimum, maximum, sums);
    int winner = -1;
    for (int lane = 0; lane < kTrials; ++lane) {
      if (!(sums.power[lane] > 0))
        continue;
      // With the codes as they are, the least squares: scale + cross / power.
      const float step = sums.cross[lane] / sums.power[lane];
      const float score = sums.error[lane] - step * sums.cross[lane];
      if (score < bestScore) {
        bestScore = score;
        best = scales[lane] + step;
        center = scales[lane];
        winner = lane;
      }
    }
    if (isFine)
      break;
    if (winner == kTrials - 1 && scale > 1.0f / 256) {
      top = scale;
      continue;
    }
    // Between the neighbours of the best, center / ratio to center * ratio.
    isFine = true;
    top = center / ratio;
    ratio = fineRatio;
  }
  return full * best;
}

float ScaleSearch::bestBfloat16(const float *values, float scale) const {
  const int nearest = std::min<int>(floatToBfloat16(scale), 0x7f7e);
  float best = 0;
  double bestError = std::numeric_limits<double>::infinity();
  for (int bits = std::max(0, nearest - 1); bits <= nearest + 1; ++bits) {
    const float candidate = bfloat16ToFloat(static_cast<uint16_t>(bits));
    double error = 0;
    for (int64_t k = 0; k < width; ++k) {
      const int code = nearestCode(values[k], candidate, format.minimum(), format.maximum());
      const double difference =
          static_cast<double>(values[k]) - static_cast<double>(candidate) * code;
      error += importance[k] * difference * difference;
    }
    if (error < bestError) {
      bestError = error;
      best = candidate;
    }
  }
  return best;
}

void ScaleSearch::chooseScales(const float *values, int64_t row, QuantizedMatrix &matrix) {
  const float largest = std::numeric_limits<float>::max();
  if (format.scales == Scales::kRow) {
    float scale = std::min(idealScale(values, 0, width), largest);
    if (isTable)
      scale = bestBfloat16(values, scale);
    matrix.rowScales[row] = scale;
    return;
  }
  const int64_t groups = matrix.groups();
  float peak = 0;
  for (int64_t group = 0; group < groups; ++group) {
    const int64_t first = group * format.group;
    ideals[group] = idealScale(values + first, first, std::min(format.group, width - first));
    peak = std::max(peak, ideals[group]);
  }
  if (format.scales == Scales::kF16Group) {
    for (int64_t group = 0; group < groups; ++group)
      matrix.halfScales[row * groups + group] = floatToHalf(std::min(ideals[group], 65504.0f));
    return;
  }
  float scale = std::min(peak, largest) / 255.0f;
  if (isTable)
    scale = roundUpToBfloat16(scale);
  matrix.rowScales[row] = scale;
  for (int64_t group = 0; group < groups; ++group)
    matrix.ratios[row * groups + group] =
        static_cast<uint8_t>(nearestCode(ideals[group], scale, 0, 255));
  for (int64_t group = 0; group < groups; ++group)
    if (matrix.ratios[row * groups + group] == 0)
      matrix.ratios[row * groups + group] = 1;
}

void ScaleSearch::chooseGroupScale(const float *values, int64_t row, int64_t group,
                                   QuantizedMatrix &matrix) {
  const int64_t first = group * format.group, index = row * matrix.groups() + group;
  const float ideal = idealScale(values, first, std::min(format.group, width - first));
  if (format.scales == Scales::kF16Group)
    matrix.halfScales[index] = floatToHalf(std::min(ideal, 65504.0f));
  else
    matrix.ratios[index] =
        static_cast<uint8_t>(std::max(1, nearestCode(ideal, matrix.rowScales[row], 0, 255)));
}

int gem::quant::nearestCode(float value, float scale, int minimum, int maximum) {
  if (!(scale > 0))
    return 0;
  float code = value / scale;
  code = std::clamp(code, static_cast<float>(minimum), static_cast<float>(maximum));
  return static_cast<int>((code + kRounder) - kRounder);
}

void gem::quant::roundRow(const float *values, int64_t row, QuantizedMatrix &matrix) {
  const Format &format = matrix.format;
  const float minimum = static_cast<float>(format.minimum());
  const float maximum = static_cast<float>(format.maximum());
  const int64_t step = format.group ? format.group : matrix.width;
  int8_t *codes = matrix.codes.data() + row * matrix.width;
  for (int64_t first = 0; first < matrix.width; first += step) {
    const int64_t last = std::min(first + step, matrix.width);
    const float scale = matrix.scaleAt(row, first);
    if (!(scale > 0)) {
      std::fill(codes + first, codes + last, int8_t{0});
      continue;
    }
    for (int64_t column = first; column < last; ++column) {
      float code = values[column] / scale;
      code = code > minimum ? code : minimum;
      code = code < maximum ? code : maximum;
      codes[column] = static_cast<int8_t>(static_cast<int32_t>((code + kRounder) - kRounder));
    }
  }
}
