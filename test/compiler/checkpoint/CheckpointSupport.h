// What the tests of compiler/Checkpoint share.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TEST_COMPILER_CHECKPOINT_CHECKPOINTSUPPORT_H
#define GEM_TEST_COMPILER_CHECKPOINT_CHECKPOINTSUPPORT_H

#include "compiler/Checkpoint/Checkpoint.h"

#include "nlohmann/json.hpp"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace gem::checkpoint {

/// A file or folder that make_fixtures.py wrote.
inline std::string fixture(const std::string &name) {
  return std::string(GEM_CHECKPOINT_FIXTURES) + "/" + name;
}

/// A file of the reference data, or "" when there is none.
inline std::string sharedModel(const std::string &name) {
  const char *folder = std::getenv("GEM_SHARED_DIR");
  return folder && *folder ? std::string(folder) + "/models/" + name : "";
}

#define GEM_REQUIRE_SHARED()                                                                       \
  if (sharedModel("").empty())                                                                     \
  GTEST_SKIP() << "GEM_SHARED_DIR is not set: no reference models"

inline std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::vector<float> readAll(const Tensor &tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.numElements()));
  absl::Status status = readAsF32(tensor, 0, tensor.numElements(), values.data());
  EXPECT_TRUE(status.ok()) << status;
  return values;
}

inline std::string rawBytes(const Tensor &tensor) {
  std::string bytes(tensor.byteLength(), '\0');
  readRaw(tensor, 0, tensor.numElements(), bytes.data());
  return bytes;
}

/// The refused fixtures: of checkpoints, or of models in good checkpoints.
inline std::vector<nlohmann::json> badFixtures(bool ofModels) {
  std::vector<nlohmann::json> result;
  for (const nlohmann::json &item : nlohmann::json::parse(readFile(fixture("bad.json"))))
    if (item["model"].get<bool>() == ofModels)
      result.push_back(item);
  return result;
}

/// Checks a refusal: every expected text is there, and nothing that would garble
/// a terminal.
inline void expectMessage(const absl::Status &status, const nlohmann::json &item) {
  std::string message(status.message());
  for (const nlohmann::json &text : item["expect"])
    EXPECT_THAT(message, testing::HasSubstr(text.get<std::string>()));
  for (char byte : message)
    EXPECT_TRUE(byte == '\n' || static_cast<unsigned char>(byte) >= 0x20) << message;
  EXPECT_LE(std::count(message.begin(), message.end(), '\n'), 51) << message;
}

} // namespace gem::checkpoint

#endif // GEM_TEST_COMPILER_CHECKPOINT_CHECKPOINTSUPPORT_H
