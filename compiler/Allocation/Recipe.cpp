// A choice of formats as a text that people read, edit and repeat.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Allocation/Recipe.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compiler/Checkpoint/Diagnostics.h"
#include "compiler/Checkpoint/FileMapping.h"
#include "passes/Quantization/WeightQuantizer.h"
#include "recipe.pb.h"
#include <algorithm>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <numeric>

using namespace gem;
using checkpoint::Problems;
using checkpoint::quote;
using google::protobuf::TextFormat;
using quant::Format;

namespace {

constexpr int kVersion = 1;

/// Insertions, deletions and substitutions between two words (Levenshtein 1965).
size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      size_t substituted = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// The first of the names at the smallest distance; empty without any.
std::string nearest(std::string_view word, const std::vector<std::string> &names) {
  size_t least = SIZE_MAX;
  std::string best;
  for (const std::string &name : names)
    if (size_t distance = editDistance(word, name); distance < least) {
      least = distance;
      best = name;
    }
  return best;
}

std::vector<std::string> formatNames() {
  std::vector<std::string> names = {"f32", "f16", "int8"};
  for (const char *bits : {"int4", "int3", "int2"}) {
    names.push_back(bits);
    for (const char *scales : {"", "f16"})
      for (const char *group : {"g32", "g64", "g128"})
        names.push_back(absl::StrCat(bits, group, scales));
  }
  return names;
}

class ErrorLines final : public google::protobuf::io::ErrorCollector {
public:
  ErrorLines(const std::string &source, Problems &problems) : source(source), problems(problems) {}
  void AddError(int line, int column, const std::string &message) override {
    problems.add(absl::StrCat(source, ":", line + 1, ":", column + 1, ": ",
                              checkpoint::printable(message, 300)));
  }

private:
  const std::string &source;
  Problems &problems;
};

/// Turns the message into a Recipe.
class Reader {
public:
  Reader(const std::string &source, Problems &problems) : source(source), problems(problems) {}

  void read(const recipes::Recipe &message, const TextFormat::ParseInfoTree &tree, Recipe &out) {
    if (message.version() != kVersion)
      problems.add(absl::StrCat(source, ":", lineOf(tree, message, "version", -1),
                                ": expected version: ", kVersion, ", but got ", message.version()));
    out.modelName = message.model().name();
    out.modelHash = message.model().hash();
    const auto *field = message.GetDescriptor()->FindFieldByName("tensor");
    for (int i = 0; i < message.tensor_size(); ++i) {
      line = lineOf(tree, message, "tensor", i);
      out.entries.push_back(readEntry(message.tensor(i), *tree.GetTreeForNested(field, i)));
    }
  }

private:
  static int lineOf(const TextFormat::ParseInfoTree &tree, const google::protobuf::Message &message,
                    const char *name, int index) {
    const auto *field = message.GetDescriptor()->FindFieldByName(name);
    return std::max(tree.GetLocation(field, index).line, 0) + 1;
  }
  void problem(int at, const std::string &text) {
    problems.add(absl::StrCat(source, ":", at, ": ", text));
  }

  Format readFormat(const std::string &name, int at) {
    if (std::optional<Format> format = Format::parse(name))
      return *format;
    problem(at, absl::StrCat("unknown format ", quote(name), "; the nearest is '",
                             nearest(name, formatNames()), "'"));
    return {};
  }

  RecipeEntry readEntry(const recipes::Tensor &tensor, const TextFormat::ParseInfoTree &tree) {
    RecipeEntry entry;
    entry.line = line;
    entry.name = tensor.name();
    if (entry.name.empty())
      problem(line, "expected a tensor with a name");
    if (tensor.has_format())
      entry.format = readFormat(tensor.format(), lineOf(tree, tensor, "format", -1));
    if (tensor.has_format() && tensor.rows_size())
      problem(line, absl::StrCat(quote(entry.name), " has a format and blocks of rows; expected ",
                                 "one of them"));
    for (int i = 0; i < tensor.rows_size(); ++i) {
      const recipes::Rows &rows = tensor.rows(i);
      int at = lineOf(tree, tensor, "rows", i);
      entry.rows.push_back({rows.count(), readFormat(rows.format(), at)});
      if (rows.count() < 0 || (rows.count() == 0 && i + 1 < tensor.rows_size()))
        problem(at, "expected a positive count of rows; only the last block may leave it out");
    }
    if (tensor.has_algorithm()) {
      std::vector<std::string> known = quant::quantizerNames();
      if (std::find(known.begin(), known.end(), tensor.algorithm()) == known.end())
        problem(lineOf(tree, tensor, "algorithm", -1),
                absl::StrCat("unknown algorithm ", quote(tensor.algorithm()), "; there are ",
                             absl::StrJoin(known, ", ")));
      entry.algorithm = tensor.algorithm();
    }
    if (tensor.has_equalize())
      entry.equalize = tensor.equalize();
    if (tensor.has_bias_correct())
      entry.biasCorrect = tensor.bias_correct();
    return entry;
  }

  const std::string &source;
  Problems &problems;
  int line = 0;
};

std::string commentLines(const std::string &text) {
  std::string result;
  for (const auto &line : absl::StrSplit(text, '\n'))
    if (!line.empty())
      absl::StrAppend(&result, "# ", line, "\n");
  return result;
}

std::string quoted(const std::string &text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

} // namespace

bool gem::matchesPattern(std::string_view pattern, std::string_view name) {
  // Where to go on when a * has to stand for one character more.
  size_t star = std::string_view::npos, resume = 0, p = 0, n = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

absl::StatusOr<Recipe> gem::parseRecipe(const std::string &text, const std::string &source) {
  Problems problems;
  recipes::Recipe message;
  TextFormat::Parser parser;
  TextFormat::ParseInfoTree tree;
  ErrorLines errors(source, problems);
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&tree);
  Recipe recipe;
  recipe.source = source;
  if (parser.ParseFromString(text, &message))
    Reader(source, problems).read(message, tree, recipe);
  if (!problems.empty())
    return problems.toStatus(absl::StrCat("'", source, "' is no recipe to use"));
  return recipe;
}

absl::StatusOr<Recipe> gem::readRecipe(const std::string &path) {
  absl::StatusOr<std::shared_ptr<checkpoint::FileMapping>> file =
      checkpoint::FileMapping::open(path);
  if (!file.ok())
    return file.status();
  return parseRecipe(std::string((*file)->bytes()), path);
}

std::string gem::printRecipe(const Recipe &recipe) {
  std::string out = commentLines(recipe.comment);
  absl::StrAppend(&out, "version: ", kVersion, "\n");
  if (!recipe.modelName.empty() || !recipe.modelHash.empty())
    absl::StrAppend(&out, "model { name: ", quoted(recipe.modelName),
                    " hash: ", quoted(recipe.modelHash), " }\n");
  for (const RecipeEntry &entry : recipe.entries) {
    // A line each; blocks of rows have lines of their own.
    bool hasRows = !entry.rows.empty();
    const char *space = hasRows ? "\n  " : " ";
    absl::StrAppend(&out, "tensor {", space, "name: ", quoted(entry.name));
    if (entry.format)
      absl::StrAppend(&out, " format: ", quoted(entry.format->name()));
    for (const RowBlock &rows : entry.rows) {
      absl::StrAppend(&out, "\n  rows { ");
      if (rows.count)
        absl::StrAppend(&out, "count: ", rows.count, " ");
      absl::StrAppend(&out, "format: ", quoted(rows.format.name()), " }");
      if (!rows.count)
        absl::StrAppend(&out, "  # the rest");
    }
    if (entry.algorithm)
      absl::StrAppend(&out, space, "algorithm: ", quoted(*entry.algorithm));
    if (entry.equalize)
      absl::StrAppend(&out, space, "equalize: ", *entry.equalize ? "true" : "false");
    if (entry.biasCorrect)
      absl::StrAppend(&out, space, "bias_correct: ", *entry.biasCorrect ? "true" : "false");
    absl::StrAppend(&out, hasRows ? "\n}" : " }");
    if (!entry.comment.empty())
      absl::StrAppend(&out, "  # ", entry.comment);
    out += '\n';
  }
  return out;
}

absl::StatusOr<std::vector<TensorRecipe>>
gem::applyRecipe(const Recipe &recipe, const std::vector<RecipeTensor> &tensors) {
  Problems problems;
  std::vector<std::string> names;
  for (const RecipeTensor &tensor : tensors)
    names.push_back(tensor.name);
  std::vector<TensorRecipe> result(tensors.size());
  std::vector<bool> hasFormat(tensors.size());
  for (const RecipeEntry &entry : recipe.entries) {
    auto problem = [&](const std::string &text) {
      std::string where = recipe.source;
      if (entry.line)
        absl::StrAppend(&where, ":", entry.line);
      problems.add(where.empty() ? text : absl::StrCat(where, ": ", text));
    };
    bool used = false;
    for (size_t i = 0; i < tensors.size(); ++i) {
      const RecipeTensor &tensor = tensors[i];
      if (!matchesPattern(entry.name, tensor.name))
        continue;
      used = true;
      TensorRecipe &to = result[i];
      if (entry.format) {
        to.format = *entry.format;
        to.rows.clear();
        hasFormat[i] = true;
      }
      if (!entry.rows.empty()) {
        to.rows = entry.rows;
        hasFormat[i] = true;
        int64_t left = tensor.rows;
        for (RowBlock &rows : to.rows) {
          if (rows.count == 0)
            rows.count = std::max<int64_t>(left, 0);
          left -= std::min(rows.count, left + 1);
        }
        if (!tensor.isTable)
          problem(absl::StrCat(quote(tensor.name), " is no table of which rows are looked up: ",
                               "expected a format instead of blocks of rows"));
        else if (left != 0 || to.rows.back().count == 0)
          problem(absl::StrCat("expected blocks of the ", tensor.rows, " rows of ",
                               quote(tensor.name), ", but they are of ",
                               left > 0 ? "fewer" : "more"));
      }
      to.algorithm = entry.algorithm.value_or(to.algorithm);
      to.equalize = entry.equalize.value_or(to.equalize);
      if (entry.biasCorrect)
        to.biasCorrect = entry.biasCorrect;
    }
    if (!used)
      problem(absl::StrCat("no tensor is named ", quote(entry.name), "; the nearest is ",
                           quote(nearest(entry.name, names))));
  }
  std::vector<std::string> without;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!hasFormat[i])
      without.push_back(quote(tensors[i].name));
  if (!without.empty())
    problems.add(absl::StrCat(
        recipe.source, recipe.source.empty() ? "" : ": ", "no entry gives a format to ",
        without.size() > 3 ? absl::StrCat(absl::StrJoin(without.begin(), without.begin() + 3, ", "),
                                          " and ", without.size() - 3, " more")
                           : absl::StrJoin(without, ", "),
        "; tensor { name: \"*\" format: \"f32\" } at the top is one for all"));
  if (!problems.empty())
    return problems.toStatus("the recipe does not fit the model");
  return result;
}

std::string gem::compareRecipeModel(const Recipe &recipe, const std::string &name,
                                    const std::string &hash) {
  if (recipe.modelHash.empty() || recipe.modelHash == hash)
    return "";
  return absl::StrCat("the recipe '", recipe.source,
                      "' was made for another model: ", quote(recipe.modelName), " of ",
                      quote(recipe.modelHash), ", not ", quote(name), " of ", quote(hash));
}
