// How options name what to keep: "NAME=0-15,20;NAME=3".
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/Pruning/EntryList.h"
#include "absl/strings/str_cat.h"
#include "llvm/ADT/STLExtras.h"

using llvm::StringRef;

absl::StatusOr<std::vector<int64_t>> gem::prune::parseEntries(StringRef text) {
  constexpr uint64_t kMaximum = uint64_t(1) << 24;
  std::vector<int64_t> entries;
  for (StringRef rest = text; !text.empty();) {
    auto [item, behind] = rest.split(',');
    auto [firstText, lastText] = item.split('-');
    uint64_t first = 0, last = 0;
    bool isRange = item.contains('-');
    if (firstText.getAsInteger(10, first) || (isRange && lastText.getAsInteger(10, last)))
      return absl::InvalidArgumentError(
          absl::StrCat("expected numbers and ranges such as 0-15,20, but got '", item.str(), "'"));
    last = isRange ? last : first;
    if (last < first)
      return absl::InvalidArgumentError(absl::StrCat(
          "expected a range from its lower end to its upper, but got '", item.str(), "'"));
    if (last >= kMaximum || entries.size() >= kMaximum)
      return absl::InvalidArgumentError(
          absl::StrCat("expected numbers below ", kMaximum, ", but got '", item.str(), "'"));
    for (uint64_t entry = first; entry <= last; ++entry)
      entries.push_back(static_cast<int64_t>(entry));
    if (!rest.contains(','))
      break;
    rest = behind;
  }
  return entries;
}

absl::StatusOr<std::vector<gem::prune::NamedEntries>>
gem::prune::parseNamedEntries(StringRef text) {
  std::vector<NamedEntries> all;
  llvm::SmallVector<StringRef> items;
  text.split(items, ';', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
  for (StringRef item : items) {
    auto [name, list] = item.split('=');
    if (name.empty() || !item.contains('='))
      return absl::InvalidArgumentError(absl::StrCat(
          "expected a name and what to keep, such as scar.out=0, but got '", item.str(), "'"));
    if (llvm::any_of(all, [&](const NamedEntries &other) { return name == other.name; }))
      return absl::InvalidArgumentError(
          absl::StrCat("expected each name once, but got '", name.str(), "' twice"));
    absl::StatusOr<std::vector<int64_t>> entries = parseEntries(list);
    if (!entries.ok())
      return entries.status();
    all.push_back({name.str(), *std::move(entries)});
  }
  return all;
}
