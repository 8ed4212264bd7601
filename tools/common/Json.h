// JSON as the tools write it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every document, and every line of JSON lines, is an object whose first key is
// "schema_version". Keys are added without changing it; it rises when a key goes
// or changes its meaning.
#ifndef GEM_TOOLS_COMMON_JSON_H
#define GEM_TOOLS_COMMON_JSON_H

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace gem::tools {

inline constexpr int kJsonSchemaVersion = 1;

// {"schema_version": 1}, to be filled; keys keep the order in which they come.
nlohmann::ordered_json MakeJsonDocument();

// Two spaces of indent and a line feed at the end; ill-formed UTF-8 in strings
// becomes U+FFFD.
std::string DumpJson(const nlohmann::ordered_json& document);

// Writes one object on one line, value by value: for output that is too much or
// too frequent for a tree of values, and for floats that must come back as the
// same bits. Starts with "schema_version".
class JsonLine {
 public:
  JsonLine();

  void Add(std::string_view key, std::string_view value);  // replaces ill-formed UTF-8
  void Add(std::string_view key, const char* value) { Add(key, std::string_view(value)); }
  void Add(std::string_view key, bool value);
  void Add(std::string_view key, int64_t value);
  void Add(std::string_view key, uint64_t value);
  void Add(std::string_view key, int value) { Add(key, static_cast<int64_t>(value)); }
  void Add(std::string_view key, uint32_t value) { Add(key, static_cast<uint64_t>(value)); }
  void Add(std::string_view key, float value);
  void Add(std::string_view key, double value);
  void AddNull(std::string_view key);
  void Add(std::string_view key, const int32_t* values, size_t count);
  void Add(std::string_view key, const uint8_t* values, size_t count);
  void Add(std::string_view key, const float* values, size_t count);
  // `rows` arrays of `columns` values.
  void Add(std::string_view key, const float* values, size_t rows, size_t columns);
  // `json` is valid JSON on one line.
  void AddRaw(std::string_view key, std::string_view json);

  // The object and a line feed.
  std::string Finish() &&;

 private:
  void Key(std::string_view key);

  std::string out_;
};

// The shortest text that reads back as the same bits; "null" for infinities and
// NaN, which JSON does not have.
void AppendJsonNumber(std::string* out, float value);
void AppendJsonNumber(std::string* out, double value);
void AppendJsonString(std::string* out, std::string_view value);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_JSON_H
