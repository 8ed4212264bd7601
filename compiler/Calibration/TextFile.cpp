// Texts to calibrate on, from a file of JSON objects.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Calibration/TextFile.h"
#include "absl/strings/str_cat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

using namespace gem;
using nlohmann::json;

namespace {

constexpr int64_t kMaxLabel = std::numeric_limits<int32_t>::max();

/// The label of a line; none when it has none.
absl::StatusOr<std::optional<int32_t>> parseLabel(const json &object, const std::string &where) {
  auto label = object.find("label");
  if (label == object.end() || label->is_null())
    return std::optional<int32_t>();
  if (label->is_number_unsigned() && label->get<uint64_t>() <= kMaxLabel)
    return std::optional<int32_t>(label->get<int32_t>());
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": expected an integer \"label\" from 0 to ", kMaxLabel, ", but got ",
                   label->is_number() ? label->dump() : label->type_name()));
}

/// Whether a line holds a text, and that; false for a blank one.
absl::StatusOr<bool> parseLine(const std::string &line, const std::string &where,
                               CalibrationText &out) {
  if (line.find_first_not_of(" \t\r") == std::string::npos)
    return false;
  json object = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object())
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": expected a JSON object with a \"text\", but got ",
                     object.is_discarded() ? "what is no JSON" : object.type_name()));
  auto text = object.find("text");
  if (text == object.end() || !text->is_string())
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": expected a string \"text\", but got ",
                     text == object.end() ? "none" : text->type_name()));
  auto domain = object.find("domain");
  if (domain != object.end() && !domain->is_string() && !domain->is_null())
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": expected a string \"domain\", but got ", domain->type_name()));
  out.text = text->get_ref<const std::string &>();
  out.domain = domain != object.end() && domain->is_string()
                   ? domain->get_ref<const std::string &>()
                   : std::string();
  absl::StatusOr<std::optional<int32_t>> label = parseLabel(object, where);
  if (!label.ok())
    return label.status();
  out.label = *label;
  return true;
}

absl::Status forEachLine(const std::string &path,
                         absl::FunctionRef<absl::Status(const std::string &, int64_t)> consume) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return absl::NotFoundError(
        absl::StrCat("cannot read the texts '", path, "': ", std::strerror(errno)));
  std::string line;
  for (int64_t number = 1; std::getline(file, line); ++number)
    if (absl::Status status = consume(line, number); !status.ok())
      return status;
  if (file.bad())
    return absl::UnavailableError(absl::StrCat("reading '", path, "' failed"));
  return absl::OkStatus();
}

absl::Status noTexts(const std::string &path) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", path, "' holds no texts: expected a JSON object with a \"text\" a line"));
}

} // namespace

absl::StatusOr<TextFileInfo> gem::scanTextFile(const std::string &path) {
  TextFileInfo info;
  llvm::BLAKE3 hasher;
  CalibrationText text;
  absl::Status status = forEachLine(path, [&](const std::string &line, int64_t number) {
    hasher.update(llvm::StringRef(line));
    hasher.update(llvm::StringRef("\n"));
    absl::StatusOr<bool> found = parseLine(line, absl::StrCat(path, ":", number), text);
    if (found.ok() && *found)
      ++info.numTexts;
    return found.status();
  });
  if (!status.ok())
    return status;
  if (info.numTexts == 0)
    return noTexts(path);
  info.hash = "blake3:" + llvm::toHex(hasher.final<32>(), /*LowerCase=*/true);
  return info;
}

absl::Status gem::forEachTextOf(const std::string &path,
                                absl::FunctionRef<absl::Status(const CalibrationText &)> consume) {
  CalibrationText text;
  return forEachLine(path, [&](const std::string &line, int64_t number) -> absl::Status {
    absl::StatusOr<bool> found = parseLine(line, absl::StrCat(path, ":", number), text);
    if (!found.ok() || !*found)
      return found.status();
    text.line = number;
    return consume(text);
  });
}

absl::StatusOr<std::vector<CalibrationText>> gem::readTextFile(const std::string &path) {
  std::vector<CalibrationText> texts;
  absl::Status status = forEachTextOf(path, [&](const CalibrationText &text) {
    texts.push_back(text);
    return absl::OkStatus();
  });
  if (status.ok() && texts.empty())
    status = noTexts(path);
  if (!status.ok())
    return status;
  return texts;
}
