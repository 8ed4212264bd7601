// The quantizers by name, and what they share.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/WeightQuantizer.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "passes/Quantization/Gptq.h"
#include "passes/Quantization/Parallel.h"
#include "passes/Quantization/QuantizerSupport.h"
#include <atomic>
#include <bit>
#include <cmath>

using namespace gem::quant;

namespace {

/// The first value that is not finite, or -1.
int64_t firstNotFinite(const float *values, int64_t count) {
  constexpr int64_t kStep = 4096;
  for (int64_t first = 0; first < count; first += kStep) {
    const int64_t last = std::min(first + kStep, count);
    uint32_t found = 0;
    for (int64_t i = first; i < last; ++i)
      found |= (std::bit_cast<uint32_t>(values[i]) & 0x7f800000) == 0x7f800000;
    for (int64_t i = first; found && i < last; ++i)
      if (!std::isfinite(values[i]))
        return i;
  }
  return -1;
}

absl::Status checkSize(const std::string &what, size_t size, int64_t expected) {
  if (size == static_cast<size_t>(expected))
    return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("expected statistics with ", expected,
                                                 " values of ", what, ", but got ", size,
                                                 ": calibrate again"));
}

absl::Status checkStatistics(const InputStatistics &statistics, int64_t width) {
  if (statistics.width != width)
    return absl::InvalidArgumentError(absl::StrCat("expected statistics of ", width,
                                                   " input columns, but got ", statistics.width,
                                                   ": they are of another weight or model"));
  std::vector<std::pair<std::string, const std::vector<float> *>> parts;
  if (!statistics.gram.empty()) {
    if (absl::Status status = checkSize("gram", statistics.gram.size(), width * width);
        !status.ok())
      return status;
    parts.emplace_back("gram", &statistics.gram);
  }
  for (const DomainStatistics &domain : statistics.domains)
    for (auto [name, values] : {std::pair{"means", &domain.mean}, {"squares", &domain.squares}}) {
      if (absl::Status status = checkSize(name, values->size(), width); !status.ok())
        return status;
      parts.emplace_back(absl::StrCat(name, " of domain '", domain.domain, "'"), values);
    }
  for (const auto &[name, values] : parts)
    if (int64_t bad = firstNotFinite(values->data(), values->size()); bad >= 0)
      return absl::InvalidArgumentError(absl::StrCat("expected finite statistics, but got ",
                                                     (*values)[bad], " in the ", name,
                                                     ", at index ", bad));
  return absl::OkStatus();
}

} // namespace

absl::Status gem::quant::checkArguments(const WeightView &weight, const Format &format,
                                        const InputStatistics *statistics, unsigned threads) {
  if (format.isFloat() || !format::IsValid(format.bits, format.scales, format.group))
    return absl::InvalidArgumentError(
        absl::StrCat("expected an integer format, but got ", format.name()));
  if (weight.rows < 1 || weight.width < 1)
    return absl::InvalidArgumentError(
        absl::StrCat("expected a weight with rows and columns, but got [", weight.rows, ", ",
                     weight.width, "]"));
  std::atomic<int64_t> bad = -1;
  parallelRanges(weight.rows, threads, [&](int64_t first, int64_t last) {
    int64_t found =
        firstNotFinite(weight.data + first * weight.width, (last - first) * weight.width);
    if (found < 0)
      return;
    found += first * weight.width;
    int64_t known = bad;
    while ((known < 0 || found < known) && !bad.compare_exchange_weak(known, found))
      ;
  });
  if (bad >= 0)
    return absl::InvalidArgumentError(absl::StrCat("expected finite weights, but got ",
                                                   weight.data[bad], " at row ", bad / weight.width,
                                                   ", column ", bad % weight.width));
  return statistics ? checkStatistics(*statistics, weight.width) : absl::OkStatus();
}

std::vector<float> gem::quant::inputSquares(const InputStatistics *statistics) {
  std::vector<float> squares;
  if (!statistics)
    return squares;
  const int64_t width = statistics->width;
  if (!statistics->gram.empty()) {
    for (int64_t k = 0; k < width; ++k)
      squares.push_back(std::max(0.0f, statistics->gram[k * width + k]));
  } else if (!statistics->domains.empty()) {
    squares.resize(width);
    for (const DomainStatistics &domain : statistics->domains)
      for (int64_t k = 0; k < width; ++k)
        squares[k] +=
            std::max(0.0f, domain.squares[k]) / static_cast<float>(statistics->domains.size());
  }
  return squares;
}

absl::StatusOr<std::unique_ptr<WeightQuantizer>> gem::quant::makeQuantizer(std::string_view name) {
  if (name == "rtn")
    return makeRoundToNearest();
  if (name == "gptq")
    return makeGptq();
  return absl::InvalidArgumentError(absl::StrCat("expected an algorithm of ",
                                                 absl::StrJoin(quantizerNames(), ", "),
                                                 ", but got '", std::string(name), "'"));
}

std::vector<std::string> gem::quant::quantizerNames() { return {"gptq", "rtn"}; }
