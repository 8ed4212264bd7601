// What the layers that read a table's rows make of an error in them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Quantization/TableStatistics.h"
#include "absl/strings/str_cat.h"
#include "passes/Quantization/Cholesky.h"

using namespace gem::quant;

absl::StatusOr<InputStatistics> gem::quant::tableStatistics(absl::Span<const WeightView> readers,
                                                            absl::Span<const float> scale,
                                                            double share) {
  if (readers.empty())
    return absl::InvalidArgumentError("expected linears that read the table, but got none");
  if (!(share >= 0 && share <= 1))
    return absl::InvalidArgumentError(
        absl::StrCat("expected a share within 0 and 1, but got ", share));
  const int64_t width = readers[0].width;
  if (!scale.empty() && scale.size() != static_cast<size_t>(width))
    return absl::InvalidArgumentError(
        absl::StrCat("expected a scale of ", width, " values, but got ", scale.size()));
  auto scaleOf = [&](int64_t k) -> double { return scale.empty() ? 1.0 : scale[k]; };
  std::vector<double> sums(width * width), rows, columns;
  for (const WeightView &reader : readers) {
    if (reader.width != width)
      return absl::InvalidArgumentError(
          absl::StrCat("expected readers of ", width, " columns, but got ", reader.width));
    rows.resize(reader.rows * width);
    columns.resize(reader.rows * width);
    for (int64_t row = 0; row < reader.rows; ++row)
      for (int64_t k = 0; k < width; ++k)
        columns[k * reader.rows + row] = rows[row * width + k] =
            reader.data[row * width + k] * scaleOf(k);
    multiplyAdd(sums.data(), width, columns.data(), reader.rows, rows.data(), width, width, width,
                reader.rows);
  }
  double diagonal = 0, scales = 0;
  for (int64_t k = 0; k < width; ++k) {
    diagonal += sums[k * width + k] / static_cast<double>(width);
    scales += scaleOf(k) * scaleOf(k) / static_cast<double>(width);
  }
  InputStatistics statistics;
  statistics.width = width;
  statistics.gram.resize(width * width);
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = 0; j < width; ++j) {
      double value = diagonal > 0 ? share * sums[i * width + j] / diagonal : 0;
      if (i == j && scales > 0)
        value += (1 - share) * scaleOf(i) * scaleOf(i) / scales;
      statistics.gram[i * width + j] = static_cast<float>(value);
    }
  return statistics;
}
