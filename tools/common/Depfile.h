// Depfiles: what an output was made from, for build tools.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_TOOLS_COMMON_DEPFILE_H
#define GEM_TOOLS_COMMON_DEPFILE_H

#include <string>
#include <vector>

namespace gem::tools {

// Writes to `*rule` a rule of a Makefile: `target` is made from `inputs`, each
// named once. Make and Ninja read it alike, also where paths have spaces, '#',
// ':' or '$'. What neither has a spelling for, a path with a line break, is
// refused: false, with a message.
[[nodiscard]] bool FormatDepfile(const std::string& target, const std::vector<std::string>& inputs,
                                 std::string* rule, std::string* error);

// `inputs` without the folders that one of `outputs` lies in. A folder is an input
// for the sake of the names in it, which writing an output there would change: the
// output would never be up to date.
std::vector<std::string> WithoutFoldersOf(const std::vector<std::string>& outputs,
                                          std::vector<std::string> inputs);

}  // namespace gem::tools

#endif  // GEM_TOOLS_COMMON_DEPFILE_H
