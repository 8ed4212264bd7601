// JSON values, parsed with limits that hold against hostile files.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Json.h"

#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/FileMapping.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <algorithm>

namespace gem::checkpoint {

const JsonValue *JsonValue::find(std::string_view key) const {
  if (const Object *object = asObject())
    for (const JsonMember &member : *object)
      if (member.key == key)
        return &member.value;
  return nullptr;
}

std::string JsonValue::describe() const {
  if (isNull())
    return "null";
  if (const bool *value = asBool())
    return *value ? "true" : "false";
  if (const int64_t *value = asInteger())
    return absl::StrCat("the number ", *value);
  if (const double *value = asDouble())
    return absl::StrCat("the number ", *value);
  if (const std::string *value = asString())
    return absl::StrCat("the string ", quote(*value, 60));
  if (const Array *value = asArray())
    return absl::StrCat("a list of ", value->size());
  return "an object";
}

namespace {

constexpr size_t kMaxDepth = 64;
constexpr size_t kMaxValues = 2'000'000;

/// Builds the value. A handler that returns false stops the parser.
class ValueBuilder {
public:
  using number_integer_t = nlohmann::json::number_integer_t;
  using number_unsigned_t = nlohmann::json::number_unsigned_t;
  using number_float_t = nlohmann::json::number_float_t;
  using string_t = nlohmann::json::string_t;
  using binary_t = nlohmann::json::binary_t;

  bool null() { return add(JsonValue()); }
  bool boolean(bool value) { return add(JsonValue(value)); }
  bool number_integer(number_integer_t value) { return add(JsonValue(int64_t{value})); }
  bool number_unsigned(number_unsigned_t value) {
    if (value > static_cast<number_unsigned_t>(INT64_MAX))
      return add(JsonValue(static_cast<double>(value)));
    return add(JsonValue(static_cast<int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t &) { return add(JsonValue(value)); }
  bool string(string_t &value) { return add(JsonValue(std::move(value))); }
  bool binary(binary_t &) { return fail("binary data"); }

  bool start_object(size_t) { return open(JsonValue(JsonValue::Object())); }
  bool key(string_t &name) {
    pendingKey = std::move(name);
    return true;
  }
  bool end_object() {
    const JsonValue::Object &object = *stack.back()->asObject();
    std::vector<const std::string *> keys;
    keys.reserve(object.size());
    for (const JsonMember &member : object)
      keys.push_back(&member.key);
    std::sort(keys.begin(), keys.end(),
              [](const std::string *a, const std::string *b) { return *a < *b; });
    for (size_t i = 1; i < keys.size(); ++i)
      if (*keys[i] == *keys[i - 1])
        return fail(
            absl::StrCat("the key ", quote(*keys[i]), " appears more than once in one object"));
    stack.pop_back();
    return true;
  }
  bool start_array(size_t) { return open(JsonValue(JsonValue::Array())); }
  bool end_array() {
    stack.pop_back();
    return true;
  }
  bool parse_error(size_t position, const std::string &, const nlohmann::json::exception &error) {
    // "[json.exception.parse_error.101] parse error at line 1, ...": ours begins
    // after the bracket.
    std::string_view text = error.what();
    if (size_t end = text.find("] "); !text.empty() && text[0] == '[' && end != text.npos)
      text.remove_prefix(end + 2);
    message = printable(text, 300);
    errorPosition = position;
    return false;
  }

  JsonValue root;
  std::string message;
  size_t errorPosition = 0;

private:
  bool fail(std::string text) {
    message = std::move(text);
    return false;
  }
  bool count() {
    if (++numValues > kMaxValues)
      return fail(absl::StrCat("more than ", kMaxValues, " values"));
    return true;
  }
  JsonValue *place(JsonValue value) {
    if (stack.empty()) {
      root = std::move(value);
      return &root;
    }
    if (JsonValue::Array *array = stack.back()->asArray()) {
      array->push_back(std::move(value));
      return &array->back();
    }
    JsonValue::Object &object = *stack.back()->asObject();
    object.push_back({std::move(pendingKey), std::move(value)});
    return &object.back().value;
  }
  bool add(JsonValue value) {
    if (!count())
      return false;
    place(std::move(value));
    return true;
  }
  bool open(JsonValue value) {
    if (!count())
      return false;
    if (stack.size() >= kMaxDepth)
      return fail(absl::StrCat("lists and objects nested more than ", kMaxDepth, " deep"));
    // The pointer stays valid: nothing is added to a container while one of its
    // elements is open.
    stack.push_back(place(std::move(value)));
    return true;
  }

  std::vector<JsonValue *> stack;
  std::string pendingKey;
  size_t numValues = 0;
};

} // namespace

absl::StatusOr<JsonValue> parseJson(std::string_view text, const std::string &what) {
  ValueBuilder builder;
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &builder))
    return std::move(builder.root);
  std::string message = builder.message;
  // Python's json module writes these although they are no JSON.
  if (builder.errorPosition > 0 && builder.errorPosition <= text.size()) {
    std::string_view rest = text.substr(builder.errorPosition - 1);
    if (rest.starts_with("NaN") || rest.starts_with("Infinity"))
      absl::StrAppend(&message, " (NaN and Infinity are no JSON)");
  }
  return absl::InvalidArgumentError(absl::StrCat(what, ": invalid JSON: ", message));
}

absl::StatusOr<JsonValue> readJsonFile(const std::string &path) {
  absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(path);
  if (!file.ok())
    return file.status();
  return parseJson((*file)->bytes(), path);
}

} // namespace gem::checkpoint
