// Input statistics kept in a file, so that many recipes cost one calibration.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_CALIBRATION_STATISTICSFILE_H
#define GEM_COMPILER_CALIBRATION_STATISTICSFILE_H

#include "absl/status/statusor.h"
#include "passes/Quantization/InputStatistics.h"
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gem::checkpoint {
class FileMapping;
} // namespace gem::checkpoint

namespace gem::quant {

/// Where the statistics of a file come from.
struct StatisticsInfo {
  std::string modelHash;       ///< Of the source model.
  std::string calibrationHash; ///< Of the texts (TextFile.h).
  int64_t sequence = 0;        ///< Tokens of a text at most.
  int64_t texts = 0;
};

/// By domain, then by token id; the same number of ids everywhere.
using TokenCounts = std::map<std::string, std::vector<int64_t>>;

/// Writes a file of statistics, value by value, next to `path`, and puts it there when done.
///
/// The file, little-endian: "GEMSTATS", u32 version, u32 0, u64 offset and size of the index,
/// u64 size of the file, zeros up to 64 bytes; blobs, each at a multiple of 64; the index, a
/// JSON object. A Gram matrix is stored as the rows of its upper triangle.
class StatisticsWriter {
public:
  /// The file appears when finish() succeeds. Where the system can (O_TMPFILE), nothing of it
  /// is left when the process is killed.
  static absl::StatusOr<std::unique_ptr<StatisticsWriter>> create(const std::string &path,
                                                                  StatisticsInfo info);
  /// Removes what finish() did not complete.
  ~StatisticsWriter();

  /// Adds the statistics of a value and the weights that read it.
  absl::Status add(const std::vector<std::string> &weights, const InputStatistics &statistics);
  /// How often each token id occurs in the calibration texts, by domain: how often the rows
  /// of the word embeddings are looked up.
  absl::Status setTokenCounts(const TokenCounts &counts);
  absl::Status finish();

private:
  struct Index;
  StatisticsWriter(std::string path, StatisticsInfo info);
  absl::Status write(const void *data, size_t size);
  absl::Status align();
  absl::Status ioError(const char *what) const;

  std::string path, temporary;
  int descriptor = -1;
  bool unnamed = false; ///< It has no name yet; `temporary` is to be its first.
  uint64_t position = 0;
  std::unique_ptr<Index> index;
};

/// A file of statistics, mapped. Loading a weight's statistics copies them out.
class StatisticsFile final : public StatisticsSource {
public:
  /// NotFound, or InvalidArgument for what is no (complete) file of statistics of this
  /// version, with the file named.
  static absl::StatusOr<std::unique_ptr<StatisticsFile>> open(const std::string &path);

  const StatisticsInfo &getInfo() const { return info; }
  /// FailedPrecondition unless they were made from this model at this sequence length.
  absl::Status checkMadeFor(const std::string &modelHash, int64_t sequence) const;

  /// By name.
  std::vector<std::string> weights() const override;
  absl::StatusOr<InputStatistics> load(const std::string &weight) const override;
  /// The same without the Gram matrix.
  absl::StatusOr<InputStatistics> loadDomains(const std::string &weight) const;
  /// Empty when the file has none.
  TokenCounts tokenCounts() const;

private:
  struct Domain {
    std::string name;
    int64_t tokens = 0;
    uint64_t offset = 0; ///< mean, squares, minimum, maximum, [width] each.
  };
  struct Value {
    int64_t width = 0, tokens = 0;
    uint64_t gram = 0; ///< Offset; 0: none.
    std::vector<Domain> domains;
  };

  absl::Status readIndex();
  absl::Status corrupt(const std::string &what) const;
  absl::StatusOr<InputStatistics> load(const std::string &weight, bool gram) const;

  std::shared_ptr<checkpoint::FileMapping> file;
  StatisticsInfo info;
  std::vector<Value> values;
  std::map<std::string, size_t> valueOfWeight;
  std::map<std::string, uint64_t> countsOfDomain; ///< Offsets.
  int64_t numCounts = 0;                          ///< Token ids.
};

} // namespace gem::quant

#endif // GEM_COMPILER_CALIBRATION_STATISTICSFILE_H
