// What tests look for in a page.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_TEST_COMPILER_REPORT_HTMLCHECKS_H
#define GEM_TEST_COMPILER_REPORT_HTMLCHECKS_H

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace gem {

/// The first thing wrong with the nesting of tags, or "".
inline std::string nestingProblem(const std::string &page) {
  static const std::set<std::string> kVoid = {"meta", "wbr"};
  std::vector<std::string> open;
  for (size_t at = page.find('<'); at != std::string::npos; at = page.find('<', at + 1)) {
    if (page.compare(at, 9, "<!DOCTYPE") == 0)
      continue;
    size_t end = page.find('>', at);
    if (end == std::string::npos)
      return "a tag without end";
    std::string tag = page.substr(at + 1, end - at - 1);
    // Quotes of attributes come in pairs, so no '>' was inside one.
    if (std::count(tag.begin(), tag.end(), '"') % 2)
      return "a quote is open in <" + tag + ">";
    bool isEnd = tag[0] == '/';
    std::string name = tag.substr(isEnd, tag.find_first_of(" ", isEnd) - isEnd);
    if (isEnd) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> closes <" + (open.empty() ? "" : open.back()) + ">";
      open.pop_back();
    } else if (!kVoid.count(name) && tag.back() != '/') {
      open.push_back(name);
      if (name == "style")
        at = page.find("</style>", at) - 1;
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

/// Every number of a pattern in the page.
inline std::vector<double> numbers(const std::string &page, const std::string &pattern) {
  std::vector<double> values;
  std::regex expression(pattern);
  for (std::sregex_iterator at(page.begin(), page.end(), expression), end; at != end; ++at)
    for (size_t group = 1; group < at->size(); ++group)
      values.push_back(std::stod((*at)[group]));
  return values;
}

} // namespace gem

#endif // GEM_TEST_COMPILER_REPORT_HTMLCHECKS_H
