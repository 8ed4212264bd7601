// Products of matrices for differentiation.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_GRADIENT_PRODUCTS_H
#define GEM_COMPILER_GRADIENT_PRODUCTS_H

#include "compiler/Gradient/GradientKernels.h"
#include <vector>

namespace gem::grad {

/// Elements of a matrix somewhere: (row, column) lies at row * rowStride + column * columnStride.
struct MatrixView {
  const float *data = nullptr;
  int64_t rowStride = 0, columnStride = 1;

  MatrixView transposed() const { return {data, columnStride, rowStride}; }
};

/// A right-hand side as products read it fastest: panels of kPanelColumns columns, the last
/// filled with zeros, one after the other.
class PackedMatrix {
public:
  PackedMatrix() = default;
  PackedMatrix(const MatrixView &view, int64_t rows, int64_t columns) {
    assign(view, rows, columns);
  }
  void assign(const MatrixView &view, int64_t rows, int64_t columns);

  int64_t getRows() const { return rows; }
  int64_t getColumns() const { return columns; }
  const float *getPanel(int64_t panel) const { return data.data() + panel * rows * kPanelColumns; }

private:
  std::vector<float> data;
  int64_t rows = 0, columns = 0;
};

/// Scratch memory of products: one for each thread.
struct ProductScratch {
  PackedMatrix right, rightTail;
  std::vector<float> result, resultTail;
};

/// c = a b, or c += a b: c is [rows, columns of b] with rows `cRow` apart. Each element is one
/// chain of fma over the depth, from c's or 0, on every CPU.
void multiply(const MatrixView &a, int64_t rows, const PackedMatrix &b, float *c, int64_t cRow,
              bool accumulate, ProductScratch &scratch);

/// The same with `b` [depth, columns] where it lies, its columns next to each other.
void multiply(const MatrixView &a, int64_t rows, int64_t depth, const float *b, int64_t bRow,
              int64_t columns, float *c, int64_t cRow, bool accumulate, ProductScratch &scratch);

} // namespace gem::grad

#endif // GEM_COMPILER_GRADIENT_PRODUCTS_H
