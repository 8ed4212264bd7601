// Products of matrices for differentiation.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Gradient/Products.h"
#include <algorithm>

using namespace gem::grad;

const Kernels &gem::grad::findKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f"))
    return kernels_avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return kernels_avx2;
#endif
  return kernels_generic;
}

void PackedMatrix::assign(const MatrixView &view, int64_t newRows, int64_t newColumns) {
  rows = newRows;
  columns = newColumns;
  int64_t panels = (columns + kPanelColumns - 1) / kPanelColumns;
  data.resize(panels * rows * kPanelColumns);
  float *to = data.data();
  for (int64_t panel = 0; panel < panels; ++panel) {
    int64_t first = panel * kPanelColumns;
    int64_t count = std::min(kPanelColumns, columns - first);
    const float *from = view.data + first * view.columnStride;
    // Along the source's rows, so that transposing reads each of its lines once.
    for (int64_t j = 0; j < count; ++j)
      for (int64_t r = 0; r < rows; ++r)
        to[r * kPanelColumns + j] = from[r * view.rowStride + j * view.columnStride];
    for (int64_t r = 0; count < kPanelColumns && r < rows; ++r)
      std::fill_n(to + r * kPanelColumns + count, kPanelColumns - count, 0.0f);
    to += rows * kPanelColumns;
  }
}

/// One panel, whose result may be narrower than it.
static void multiplyPanel(const MatrixView &a, int64_t rows, int64_t depth, const float *b,
                          int64_t bRow, int64_t columns, float *c, int64_t cRow, bool accumulate,
                          ProductScratch &scratch) {
  static const Kernels &kernels = findKernels();
  if (columns == kPanelColumns) {
    kernels.product(a.data, a.rowStride, a.columnStride, rows, depth, b, bRow, c, cRow, accumulate);
    return;
  }
  std::vector<float> &tail = scratch.resultTail;
  tail.assign(rows * kPanelColumns, 0.0f);
  for (int64_t r = 0; accumulate && r < rows; ++r)
    std::copy_n(c + r * cRow, columns, tail.data() + r * kPanelColumns);
  kernels.product(a.data, a.rowStride, a.columnStride, rows, depth, b, bRow, tail.data(),
                  kPanelColumns, accumulate);
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(tail.data() + r * kPanelColumns, columns, c + r * cRow);
}

void gem::grad::multiply(const MatrixView &a, int64_t rows, const PackedMatrix &b, float *c,
                         int64_t cRow, bool accumulate, ProductScratch &scratch) {
  for (int64_t first = 0; first < b.getColumns(); first += kPanelColumns)
    multiplyPanel(a, rows, b.getRows(), b.getPanel(first / kPanelColumns), kPanelColumns,
                  std::min(kPanelColumns, b.getColumns() - first), c + first, cRow, accumulate,
                  scratch);
}

void gem::grad::multiply(const MatrixView &a, int64_t rows, int64_t depth, const float *b,
                         int64_t bRow, int64_t columns, float *c, int64_t cRow, bool accumulate,
                         ProductScratch &scratch) {
  for (int64_t first = 0; first < columns; first += kPanelColumns) {
    int64_t count = std::min(kPanelColumns, columns - first);
    if (count == kPanelColumns) {
      multiplyPanel(a, rows, depth, b + first, bRow, count, c + first, cRow, accumulate, scratch);
      continue;
    }
    // Reading past the last column could leave the matrix.
    scratch.rightTail.assign({b + first, bRow, 1}, depth, count);
    multiplyPanel(a, rows, depth, scratch.rightTail.getPanel(0), kPanelColumns, count, c + first,
                  cRow, accumulate, scratch);
  }
}
