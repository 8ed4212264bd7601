// Sums over the rows of a value: the input statistics of the layers that read it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/StatisticsCollector.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/GramKernel.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <thread>

using namespace gem::quant;

namespace {

constexpr int64_t kBlockRows = 512;
/// Multiply-accumulates that are worth starting threads for.
constexpr int64_t kThreadedWork = 20'000'000;

} // namespace

GramTileFunction gem::quant::findGramTile() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return gramTile_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return gramTile_avx2;
#endif
  return gramTile_generic;
}

StatisticsCollector::StatisticsCollector(Options given) : options(std::move(given)) {
  for (const auto &[name, rows] : options.rows) {
    if (rows <= 0)
      continue;
    Domain &domain = domains[name];
    domain.promised = rows;
    domain.sums.resize(options.width);
    domain.squares.resize(options.width);
    domain.minimum.assign(options.width, std::numeric_limits<float>::infinity());
    domain.maximum.assign(options.width, -std::numeric_limits<float>::infinity());
  }
  for (auto &[name, domain] : domains)
    domain.scale = static_cast<float>(
        std::sqrt(1.0 / (static_cast<double>(domains.size()) * domain.promised)));
  if (!options.gram)
    return;
  panels = (options.width + kGramTile - 1) / kGramTile;
  size_t bufferBytes = panels * kBlockRows * kGramTile * sizeof(float);
  buffer.reset(static_cast<float *>(std::aligned_alloc(64, bufferBytes)));
  std::memset(buffer.get(), 0, bufferBytes); // Columns past the width stay 0.
  size_t side = panels * kGramTile;
  // Zero pages until they are touched: half of them never are.
  matrix.reset(static_cast<double *>(std::calloc(side * side, sizeof(double))));
}

StatisticsCollector::~StatisticsCollector() = default;

void StatisticsCollector::add(const float *data, int64_t numRows, std::string_view domainName) {
  auto found = domains.find(domainName);
  if (found == domains.end()) {
    // finish() tells.
    domains[std::string(domainName)].rows += numRows;
    return;
  }
  Domain &domain = found->second;
  domain.rows += numRows;
  if (domain.rows > domain.promised)
    return;
  int64_t width = options.width;
  for (int64_t r = 0; r < numRows; ++r) {
    const float *row = data + r * width;
    for (int64_t i = 0; i < width; ++i) {
      double value = row[i];
      domain.sums[i] += value;
      domain.squares[i] += value * value;
    }
    for (int64_t i = 0; i < width; ++i) {
      domain.minimum[i] = std::min(domain.minimum[i], row[i]);
      domain.maximum[i] = std::max(domain.maximum[i], row[i]);
    }
    if (!options.gram)
      continue;
    for (int64_t panel = 0; panel < panels; ++panel) {
      float *to = buffer.get() + (panel * kBlockRows + buffered) * kGramTile;
      int64_t first = panel * kGramTile, count = std::min(kGramTile, width - first);
      for (int64_t i = 0; i < count; ++i)
        to[i] = row[first + i] * domain.scale;
    }
    if (++buffered == kBlockRows)
      flush();
  }
}

void StatisticsCollector::flush() {
  static const GramTileFunction gramTile = findGramTile();
  int64_t stride = panels * kGramTile, rows = buffered;
  // A row of tiles at a time; the long ones come first.
  std::atomic<int64_t> next{0};
  auto work = [&] {
    for (int64_t i = next++; i < panels; i = next++)
      for (int64_t j = i; j < panels; ++j)
        gramTile(buffer.get() + i * kBlockRows * kGramTile,
                 buffer.get() + j * kBlockRows * kGramTile, rows,
                 matrix.get() + i * kGramTile * stride + j * kGramTile, stride);
  };
  std::vector<std::thread> helpers;
  if (rows * stride * stride / 2 >= kThreadedWork)
    for (unsigned i = 1; i < options.threads; ++i)
      helpers.emplace_back(work);
  work();
  for (std::thread &helper : helpers)
    helper.join();
  buffered = 0;
}

absl::StatusOr<InputStatistics> StatisticsCollector::finish() {
  InputStatistics result;
  result.width = options.width;
  for (auto &[name, domain] : domains) {
    if (domain.rows != domain.promised)
      return absl::InvalidArgumentError(
          absl::StrCat("statistics of '", options.name, "': expected ", domain.promised,
                       " rows of the domain '", name, "', but got ", domain.rows));
    DomainStatistics statistics;
    statistics.domain = name;
    statistics.tokens = domain.rows;
    for (int64_t i = 0; i < options.width; ++i) {
      if (!std::isfinite(domain.squares[i]))
        return absl::InvalidArgumentError(
            absl::StrCat("statistics of '", options.name, "': a value of column ", i,
                         " in the domain '", name, "' is not finite"));
      statistics.mean.push_back(static_cast<float>(domain.sums[i] / domain.rows));
      statistics.squares.push_back(static_cast<float>(domain.squares[i] / domain.rows));
    }
    statistics.minimum = std::move(domain.minimum);
    statistics.maximum = std::move(domain.maximum);
    result.tokens += domain.rows;
    result.domains.push_back(std::move(statistics));
  }
  if (!options.gram)
    return result;
  if (buffered)
    flush();
  buffer.reset();
  int64_t width = options.width, stride = panels * kGramTile;
  result.gram.resize(width * width);
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = i; j < width; ++j)
      result.gram[i * width + j] = static_cast<float>(matrix.get()[i * stride + j]);
  matrix.reset();
  mirrorUpperTriangle(result.gram.data(), width);
  return result;
}

void gem::quant::mirrorUpperTriangle(float *matrix, int64_t width) {
  constexpr int64_t kTile = 64;
  for (int64_t row = 0; row < width; row += kTile)
    for (int64_t column = 0; column <= row; column += kTile)
      for (int64_t i = row; i < std::min(row + kTile, width); ++i)
        for (int64_t j = column; j < std::min(column + kTile, i); ++j)
          matrix[i * width + j] = matrix[j * width + i];
}
