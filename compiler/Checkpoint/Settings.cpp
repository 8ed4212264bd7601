// Values from config.json and from --set, checked as they are read.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Settings.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace gem::checkpoint {

/// Larger dimensions than this do not fit what a bundle stores.
static constexpr int64_t kMaxInteger = INT32_MAX;

const std::string *Settings::overrideValue(const std::string &key) const {
  auto found = overrides.find(key);
  return found == overrides.end() ? nullptr : &found->second;
}

/// The member of config.json, unless it is absent or null.
static const JsonValue *present(const JsonValue *value) {
  return value && !value->isNull() ? value : nullptr;
}

std::optional<Setting<int64_t>> Settings::integer(const std::string &key, int64_t lowest,
                                                  Problems &problems) const {
  Setting<int64_t> result;
  std::string found;
  bool valid = false;
  if (const std::string *text = overrideValue(key)) {
    result.source = "--set";
    found = quote(*text, 40);
    valid = absl::SimpleAtoi(*text, &result.value);
  } else if (const JsonValue *value = present(config.find(key))) {
    result.source = path;
    found = value->describe();
    if (const int64_t *integer = value->asInteger()) {
      result.value = *integer;
      valid = true;
    }
  } else {
    return std::nullopt;
  }
  if (valid && result.value >= lowest && result.value <= kMaxInteger)
    return result;
  problems.add(absl::StrCat(result.source, ": ", key, ": found ", found, ", expected an integer ",
                            "from ", lowest, " to ", kMaxInteger));
  return std::nullopt;
}

std::optional<Setting<double>> Settings::number(const std::string &key, Problems &problems) const {
  Setting<double> result;
  std::string found;
  bool valid = false;
  if (const std::string *text = overrideValue(key)) {
    result.source = "--set";
    found = quote(*text, 40);
    valid = absl::SimpleAtod(*text, &result.value);
  } else if (const JsonValue *value = present(config.find(key))) {
    result.source = path;
    found = value->describe();
    if (value->isNumber()) {
      result.value = value->number();
      valid = true;
    }
  } else {
    return std::nullopt;
  }
  if (valid) // NaN and infinity: the caller knows the range
    return result;
  problems.add(absl::StrCat(result.source, ": ", key, ": found ", found, ", expected a number"));
  return std::nullopt;
}

std::optional<Setting<bool>> Settings::boolean(const std::string &key, Problems &problems) const {
  if (const std::string *text = overrideValue(key)) {
    bool value;
    if (absl::SimpleAtob(*text, &value))
      return Setting<bool>{value, "--set"};
    problems.add(
        absl::StrCat("--set: ", key, ": found ", quote(*text, 40), ", expected true or false"));
    return std::nullopt;
  }
  const JsonValue *value = present(config.find(key));
  if (!value)
    return std::nullopt;
  if (const bool *boolean = value->asBool())
    return Setting<bool>{*boolean, path};
  problems.add(
      absl::StrCat(path, ": ", key, ": found ", value->describe(), ", expected true or false"));
  return std::nullopt;
}

std::optional<Setting<std::string>> Settings::text(const std::string &key,
                                                   Problems &problems) const {
  if (const std::string *text = overrideValue(key))
    return Setting<std::string>{*text, "--set"};
  const JsonValue *value = present(config.find(key));
  if (!value)
    return std::nullopt;
  if (const std::string *string = value->asString())
    return Setting<std::string>{*string, path};
  problems.add(absl::StrCat(path, ": ", key, ": found ", value->describe(), ", expected a string"));
  return std::nullopt;
}

} // namespace gem::checkpoint
