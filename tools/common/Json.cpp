// JSON as the tools write it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Json.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tools/common/Terminal.h"

namespace gem::tools {
namespace {

template <typename T>
void AppendNumber(std::string* out, T value) {
  char buffer[40];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  out->append(buffer, result.ptr);
}

template <typename T>
void AppendFloat(std::string* out, T value) {
  if (std::isfinite(value)) {
    AppendNumber(out, value);
  } else {
    *out += "null";
  }
}

template <typename T>
void AppendArray(std::string* out, const T* values, size_t count) {
  *out += '[';
  for (size_t i = 0; i < count; ++i) {
    if (i != 0) *out += ',';
    if constexpr (std::is_floating_point_v<T>) {
      AppendFloat(out, values[i]);
    } else {
      AppendNumber(out, static_cast<int64_t>(values[i]));
    }
  }
  *out += ']';
}

}  // namespace

nlohmann::ordered_json MakeJsonDocument() {
  nlohmann::ordered_json document = nlohmann::ordered_json::object();
  document["schema_version"] = kJsonSchemaVersion;
  return document;
}

std::string DumpJson(const nlohmann::ordered_json& document) {
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void AppendJsonNumber(std::string* out, float value) { AppendFloat(out, value); }
void AppendJsonNumber(std::string* out, double value) { AppendFloat(out, value); }

void AppendJsonString(std::string* out, std::string_view value) {
  *out += '"';
  for (const char c : ReplaceIllFormedUtf8(value)) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\r':
        *out += "\\r";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        // DEL is legal, but a terminal obeys it.
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          const char digits[] = "0123456789abcdef";
          *out += "\\u00";
          *out += digits[c >> 4];
          *out += digits[c & 15];
        } else {
          *out += c;
        }
    }
  }
  *out += '"';
}

JsonLine::JsonLine() { Add("schema_version", kJsonSchemaVersion); }

void JsonLine::Key(std::string_view key) {
  out_ += out_.empty() ? '{' : ',';
  AppendJsonString(&out_, key);
  out_ += ':';
}

void JsonLine::Add(std::string_view key, std::string_view value) {
  Key(key);
  AppendJsonString(&out_, value);
}
void JsonLine::Add(std::string_view key, bool value) { AddRaw(key, value ? "true" : "false"); }
void JsonLine::Add(std::string_view key, int64_t value) {
  Key(key);
  AppendNumber(&out_, value);
}
void JsonLine::Add(std::string_view key, uint64_t value) {
  Key(key);
  AppendNumber(&out_, value);
}
void JsonLine::Add(std::string_view key, float value) {
  Key(key);
  AppendFloat(&out_, value);
}
void JsonLine::Add(std::string_view key, double value) {
  Key(key);
  AppendFloat(&out_, value);
}
void JsonLine::AddNull(std::string_view key) { AddRaw(key, "null"); }
void JsonLine::Add(std::string_view key, const int32_t* values, size_t count) {
  Key(key);
  AppendArray(&out_, values, count);
}
void JsonLine::Add(std::string_view key, const uint8_t* values, size_t count) {
  Key(key);
  AppendArray(&out_, values, count);
}
void JsonLine::Add(std::string_view key, const float* values, size_t count) {
  Key(key);
  AppendArray(&out_, values, count);
}
void JsonLine::Add(std::string_view key, const float* values, size_t rows, size_t columns) {
  Key(key);
  out_ += '[';
  for (size_t i = 0; i < rows; ++i) {
    if (i != 0) out_ += ',';
    AppendArray(&out_, values + i * columns, columns);
  }
  out_ += ']';
}
void JsonLine::AddRaw(std::string_view key, std::string_view json) {
  Key(key);
  out_ += json;
}

std::string JsonLine::Finish() && {
  out_ += "}\n";
  return std::move(out_);
}

}  // namespace gem::tools
