// Sums over the rows of a value: the input statistics of the layers that read it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_STATISTICSCOLLECTOR_H
#define GEM_COMPILER_CALIBRATION_STATISTICSCOLLECTOR_H

#include "absl/status/statusor.h"
#include "passes/Quantization/InputStatistics.h"
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gem::quant {

/// Copies what is above the diagonal of a square matrix to below it.
void mirrorUpperTriangle(float *matrix, int64_t width);

/// Fed with the rows of one value, text by text, gives its InputStatistics. Rows are scaled
/// by the root of their weight in the Gram matrix, weight(domain) / rows(domain), as they
/// come, so one matrix in f64 (8 * width^2 bytes) is all it holds, however many domains and
/// texts there are; therefore the rows of each domain must be known before.
///
/// Products are summed in f32 over blocks of 512 rows and in f64 from block to block, in the
/// order of the rows: the result is the same for any number of threads and on every CPU.
class StatisticsCollector {
public:
  struct Options {
    std::string name; ///< Of the value, for messages.
    int64_t width = 0;
    /// How many rows every domain will give.
    std::map<std::string, int64_t> rows;
    bool gram = true; ///< Without, only the statistics by domain.
    unsigned threads = 1;
  };

  explicit StatisticsCollector(Options options);
  ~StatisticsCollector();

  /// Adds rows, [numRows, width] row-major.
  void add(const float *data, int64_t numRows, std::string_view domain);

  /// The statistics of all that was added. InvalidArgument when a domain gave another number
  /// of rows than promised, or values were not finite. The collector is spent after this.
  absl::StatusOr<InputStatistics> finish();

private:
  struct Domain {
    int64_t rows = 0, promised = 0;
    float scale = 0;
    std::vector<double> sums, squares;
    std::vector<float> minimum, maximum;
  };
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };

  void flush();

  Options options;
  std::map<std::string, Domain, std::less<>> domains;
  int64_t panels = 0;   ///< Of kGramTile columns.
  int64_t buffered = 0; ///< Rows in the buffer.
  std::unique_ptr<float, Free> buffer;  ///< [panels, kBlockRows, kGramTile], scaled rows.
  std::unique_ptr<double, Free> matrix; ///< [panels * kGramTile]^2; tiles on and above the
                                        ///< diagonal.
};

} // namespace gem::quant

#endif // GEM_COMPILER_CALIBRATION_STATISTICSCOLLECTOR_H
