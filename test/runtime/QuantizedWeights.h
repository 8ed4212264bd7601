// Quantized weights for the tests of the runtime, and what they compute.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Packed and multiplied by the words of docs/artifact-format.md and Kernels.h, with
// nothing of the runtime's or the compiler's: a mistake would have to be made twice.
#ifndef GEM_TEST_RUNTIME_QUANTIZEDWEIGHTS_H
#define GEM_TEST_RUNTIME_QUANTIZEDWEIGHTS_H

#include <cstdint>
#include <string>
#include <vector>

#include "test/runtime/BundleBuilder.h"

namespace gem::test {

struct QuantizedFormat {
  schema::ElementType type;  // I8, I4, I3 or I2
  schema::Scales scales;
  uint32_t group = 0;
};

// Every format that a bundle may hold.
std::vector<QuantizedFormat> AllQuantizedFormats();
// "int4g32f16"
std::string NameOf(const QuantizedFormat& format);

// A matrix or table [rows, width] of drawn codes and scales.
class QuantizedWeight {
 public:
  QuantizedWeight(const QuantizedFormat& format, uint32_t rows, uint32_t width, Random& random);

  uint32_t rows() const { return rows_; }
  uint32_t width() const { return width_; }
  int Code(uint32_t row, uint32_t k) const { return codes_[size_t{row} * width_ + k]; }
  // What the code stands for; exact, whatever the order.
  float Value(uint32_t row, uint32_t k) const;

  // The bytes in layouts PANEL_16 and ROW_MAJOR.
  Bytes Panels() const;
  Bytes Table() const;
  uint32_t AddTo(BundleBuilder& builder, const std::string& name, schema::Layout layout) const;

  // LINEAR_QUANTIZED without activation on quantized tokens: bias and residual may
  // be empty.
  std::vector<float> Linear(const std::vector<float>& x, const std::vector<float>& bias,
                            const std::vector<float>& residual) const;

 private:
  size_t groups() const { return format_.group == 0 ? 0 : (width_ - 1) / format_.group + 1; }
  void PutPanelCode(uint8_t* block, uint32_t row, uint32_t k, int code) const;
  void PutTableCode(uint8_t* block, uint32_t k, int code) const;

  QuantizedFormat format_;
  unsigned bits_;
  uint32_t rows_, width_;
  std::vector<int> codes_;        // values, not offset
  std::vector<float> scales_;     // [rows], of which bf16 holds every bit
  std::vector<uint8_t> ratios_;   // [rows, groups]
  std::vector<uint16_t> halves_;  // [rows, groups]
};

// What QUANTIZE_TOKENS makes of a row.
struct QuantizedRow {
  float scale;
  std::vector<int> codes;
};
QuantizedRow QuantizeRow(const float* x, size_t width);
// The whole rows as they lie in memory, padding included.
Bytes QuantizedTokenBytes(const std::vector<float>& x, size_t width);

// f16 with the bits of small numbers, and what they stand for.
std::vector<uint16_t> DrawHalves(Random& random, size_t count);
float FromHalf(uint16_t half);
uint32_t AddHalves(BundleBuilder& builder, const std::string& name, std::vector<uint32_t> shape,
                   const std::vector<uint16_t>& values,
                   schema::Layout layout = schema::Layout::ROW_MAJOR);

// Bytes of a row of quantized tokens.
constexpr uint32_t TokenBytes(uint32_t k) {
  return (8 + 2 * ((k + 31) / 32) + 63) / 64 * 64 + (k + 63) / 64 * 64;
}

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_QUANTIZEDWEIGHTS_H
