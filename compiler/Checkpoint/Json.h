// JSON values, parsed with limits that hold against hostile files.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A thin layer over nlohmann::json's SAX parser, which neither throws nor
// recurses, so that it does not matter which translation units are compiled
// with exceptions.
#ifndef GEM_COMPILER_CHECKPOINT_JSON_H
#define GEM_COMPILER_CHECKPOINT_JSON_H

#include "absl/status/statusor.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gem::checkpoint {

struct JsonMember;

class JsonValue {
public:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>; // in the file's order, keys unique

  JsonValue() = default;
  template <typename T> explicit JsonValue(T value) : storage(std::move(value)) {}

  bool isNull() const { return std::holds_alternative<std::monostate>(storage); }
  const bool *asBool() const { return std::get_if<bool>(&storage); }
  /// Numbers written without fraction and exponent that fit.
  const int64_t *asInteger() const { return std::get_if<int64_t>(&storage); }
  /// Any other number; also see number().
  const double *asDouble() const { return std::get_if<double>(&storage); }
  const std::string *asString() const { return std::get_if<std::string>(&storage); }
  const Array *asArray() const { return std::get_if<Array>(&storage); }
  const Object *asObject() const { return std::get_if<Object>(&storage); }
  Array *asArray() { return std::get_if<Array>(&storage); }
  Object *asObject() { return std::get_if<Object>(&storage); }

  bool isNumber() const { return asInteger() || asDouble(); }
  double number() const { return asInteger() ? static_cast<double>(*asInteger()) : *asDouble(); }
  /// The member of this key when this is an object that has it, else null.
  /// Linear in the number of members.
  const JsonValue *find(std::string_view key) const;

  /// "null", "a string", "the number 3", ... for messages.
  std::string describe() const;

private:
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Object> storage;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

/// Parses one JSON document (RFC 8259; comments, NaN and Infinity are refused),
/// at most 64 levels deep and of at most 2,000,000 values, keys unique in every
/// object. Errors begin with `what`.
absl::StatusOr<JsonValue> parseJson(std::string_view text, const std::string &what);

/// The same of a file.
absl::StatusOr<JsonValue> readJsonFile(const std::string &path);

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_JSON_H
