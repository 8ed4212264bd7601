// Values from config.json and from --set, checked as they are read.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_COMPILER_CHECKPOINT_SETTINGS_H
#define GEM_COMPILER_CHECKPOINT_SETTINGS_H

#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/Json.h"

#include "absl/status/statusor.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace gem::checkpoint {

/// A value and where it came from ("--set", "config.json").
template <typename T> struct Setting {
  T value;
  std::string source;
};

/// Looks a key up in the overrides first, then in config.json. A value of the
/// wrong type or outside its range is a problem, and then absent.
class Settings {
public:
  /// `configPath` is empty when there is no config.json.
  Settings(const std::map<std::string, std::string> &overrides, JsonValue config,
           std::string configPath)
      : overrides(overrides), config(std::move(config)), path(std::move(configPath)) {}

  bool hasConfig() const { return !path.empty(); }
  /// "config.json" as the user would name it, or that there is none.
  std::string describeConfig() const { return hasConfig() ? path : "config.json (there is none)"; }
  const JsonValue *configValue(const std::string &key) const { return config.find(key); }
  const std::string *overrideValue(const std::string &key) const;

  std::optional<Setting<int64_t>> integer(const std::string &key, int64_t lowest,
                                          Problems &problems) const;
  std::optional<Setting<double>> number(const std::string &key, Problems &problems) const;
  std::optional<Setting<bool>> boolean(const std::string &key, Problems &problems) const;
  std::optional<Setting<std::string>> text(const std::string &key, Problems &problems) const;

private:
  const std::map<std::string, std::string> &overrides;
  JsonValue config;
  std::string path;
};

} // namespace gem::checkpoint

#endif // GEM_COMPILER_CHECKPOINT_SETTINGS_H
