// Two bundles on the same input: where their results first differ.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Terminal.h"
#include "tools/gem-run/Model.h"

namespace gem::run {
namespace {

using tools::Format;

// How one output of two runs compares.
struct Difference {
  std::string output;         // its name
  std::string what;           // in words, with both values
  std::vector<uint32_t> at;   // the first element that differs; empty: the shapes do
  uint64_t count = 0;         // elements that differ
  uint64_t elements = 0;
  double max_abs = 0;         // infinite when one of the two is no number
};

size_t ElementSize(gem_element_type_t type) { return type == GEM_ELEMENT_U8 ? 1 : 4; }

double ValueOf(const gem_tensor_t& tensor, size_t i) {
  switch (tensor.element_type) {
    case GEM_ELEMENT_F32:
      return static_cast<double>(static_cast<const float*>(tensor.data)[i]);
    case GEM_ELEMENT_U8:
      return static_cast<const uint8_t*>(tensor.data)[i];
    case GEM_ELEMENT_I32:
      return static_cast<const int32_t*>(tensor.data)[i];
    default:
      return 0;
  }
}

std::string ShapeOf(const gem_tensor_t& tensor) {
  std::string out;
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    out += (i ? "x" : "") + std::to_string(tensor.dims[i]);
  }
  return out;
}

// Nothing when the two have the same bits.
std::optional<Difference> CompareTensors(const gem_tensor_t& a, const gem_tensor_t& b) {
  Difference difference;
  difference.output = a.name;
  if (a.element_type != b.element_type || a.rank != b.rank ||
      !std::equal(a.dims, a.dims + a.rank, b.dims)) {
    difference.what =
        Format("the shapes differ: %s and %s", ShapeOf(a).c_str(), ShapeOf(b).c_str());
    difference.max_abs = std::numeric_limits<double>::infinity();
    return difference;
  }
  if (std::memcmp(a.data, b.data, a.size) == 0) return std::nullopt;
  const size_t size = ElementSize(a.element_type);
  difference.elements = a.size / size;
  for (size_t i = 0; i < difference.elements; ++i) {
    if (std::memcmp(static_cast<const char*>(a.data) + i * size,
                    static_cast<const char*>(b.data) + i * size, size) == 0) {
      continue;
    }
    const double value_a = ValueOf(a, i), value_b = ValueOf(b, i);
    if (difference.count++ == 0) {
      size_t rest = i;
      difference.at.resize(a.rank);
      for (uint32_t d = a.rank; d-- > 0;) {
        difference.at[d] = static_cast<uint32_t>(rest % a.dims[d]);
        rest /= a.dims[d];
      }
      difference.what = Format("%.9g and %.9g", value_a, value_b);
    }
    const double distance = std::fabs(value_a - value_b);
    difference.max_abs =
        std::max(difference.max_abs,
                 std::isnan(distance) ? std::numeric_limits<double>::infinity() : distance);
  }
  return difference;
}

// Where in the flow of data an output lies, so that the first that differs is
// nearest to the cause.
int Stage(gem_role_t role) {
  switch (role) {
    case GEM_ROLE_ACTIVATION:
      return 0;
    case GEM_ROLE_HIDDEN_STATES:
      return 1;
    case GEM_ROLE_CLS:
      return 2;
    case GEM_ROLE_ROUTED:
      return 3;
    case GEM_ROLE_CLUSTER:
      return 4;
    case GEM_ROLE_LOGITS:
      return 6;
    default:
      return 5;
  }
}

std::vector<gem_tensor_t> OutputsOf(Model& model) {
  std::vector<gem_tensor_t> outputs;
  gem_tensor_t tensor;
  for (uint32_t i = 0; gem_session_output(model.session(), i, &tensor, nullptr) == GEM_STATUS_OK;
       ++i) {
    outputs.push_back(tensor);
  }
  std::stable_sort(
      outputs.begin(), outputs.end(),
      [](const gem_tensor_t& a, const gem_tensor_t& b) { return Stage(a.role) < Stage(b.role); });
  return outputs;
}

// All outputs that differ, from the model's start to its end.
std::vector<Difference> CompareOutputs(Model& a, Model& b) {
  std::vector<Difference> differences;
  const std::vector<gem_tensor_t> outputs_a = OutputsOf(a), outputs_b = OutputsOf(b);
  for (size_t i = 0; i < std::max(outputs_a.size(), outputs_b.size()); ++i) {
    const bool has_a = i < outputs_a.size(), has_b = i < outputs_b.size();
    if (!has_a || !has_b || std::strcmp(outputs_a[i].name, outputs_b[i].name) != 0) {
      Difference difference;
      difference.output = has_a ? outputs_a[i].name : outputs_b[i].name;
      difference.what = has_a && has_b
                            ? Format("the second bundle has '%s' in its place", outputs_b[i].name)
                            : Format("only the %s bundle has it", has_a ? "first" : "second");
      difference.max_abs = std::numeric_limits<double>::infinity();
      differences.push_back(std::move(difference));
      break;
    }
    if (auto difference = CompareTensors(outputs_a[i], outputs_b[i])) {
      differences.push_back(std::move(*difference));
    }
  }
  return differences;
}

std::string IndexText(const std::vector<uint32_t>& at) {
  std::string out = "[";
  for (const uint32_t i : at) out += (out.size() > 1 ? ", " : "") + std::to_string(i);
  return out + "]";
}

std::string InWords(const Difference& difference) {
  const std::string name = tools::Printable(difference.output);
  if (difference.at.empty())
    return Format("output '%s': %s", name.c_str(), difference.what.c_str());
  return Format("output '%s' differs first at %s: %s; %s of %s values differ, by at most %.3g",
                name.c_str(), IndexText(difference.at).c_str(), difference.what.c_str(),
                tools::FormatCount(difference.count).c_str(),
                tools::FormatCount(difference.elements).c_str(), difference.max_abs);
}

std::string JsonRecord(const Item& item, const std::vector<Difference>& differences) {
  tools::JsonLine line;
  line.Add("same_bits", differences.empty());
  if (!differences.empty()) {
    const Difference& first = differences.front();
    line.Add("output", first.output);
    if (first.at.empty()) {
      line.Add("reason", first.what);
    } else {
      line.AddRaw("index", IndexText(first.at));
      line.Add("values_that_differ", first.count);
      line.Add("values", first.elements);
    }
    line.Add("max_abs_difference", first.max_abs);
    std::string all = "[";
    for (const Difference& difference : differences) {
      if (all.size() > 1) all += ",";
      tools::AppendJsonString(&all, difference.output);
    }
    line.AddRaw("outputs_that_differ", all + "]");
  }
  if (!item.json.empty()) line.AddRaw("input", item.json);
  return std::move(line).Finish();
}

int End(const Failure& failure) {
  tools::Error(kTool, failure.message);
  return failure.exit_code;
}

}  // namespace

int Compare(const Options& options, Input* input) {
  Failure failure;
  const std::unique_ptr<Model> a = Model::Open(options.bundles[0], options, nullptr, &failure);
  if (a == nullptr) return End(failure);
  const std::unique_ptr<Model> b = Model::Open(options.bundles[1], options, nullptr, &failure);
  if (b == nullptr) return End(failure);
  if (options.common.verbose) {
    (void)tools::WriteAll(2, a->Describe() + b->Describe());
  }

  uint64_t count = 0, same = 0;
  double worst = 0;
  std::string error;
  for (Item item; input->Next(&item, &error);) {
    Result result_a, result_b;
    if (!a->Run(item, &result_a, &failure) || !b->Run(item, &result_b, &failure)) {
      if (!item.where.empty()) failure.message = item.where + ": " + failure.message;
      return End(failure);
    }
    ++count;
    std::vector<Difference> differences;
    if (result_a.tokens != result_b.tokens) {
      Difference difference;
      difference.output = "tokens";
      difference.what = "the tokenizers give different ids";
      difference.max_abs = std::numeric_limits<double>::infinity();
      differences.push_back(std::move(difference));
    } else {
      differences = CompareOutputs(*a, *b);
    }
    if (differences.empty()) ++same;
    for (const Difference& difference : differences) worst = std::max(worst, difference.max_abs);

    std::string record;
    if (options.format == OutputFormat::kJson) {
      record = JsonRecord(item, differences);
    } else {
      const std::string where = item.where.empty()
                                    ? Format("input %llu", static_cast<unsigned long long>(count))
                                    : tools::Printable(item.where);
      record = where + ": " +
               (differences.empty() ? std::string("same bits") : InWords(differences.front())) +
               "\n";
    }
    if (!tools::WriteToStdout(record, &error)) return End({tools::kExitFailed, error});
  }
  if (!error.empty()) return End({tools::kExitRefused, error});

  if (options.format != OutputFormat::kJson && !options.common.quiet) {
    const std::string verdict =
        same == count ? Format("same bits: %s\n", tools::FormatPlural(count, "input").c_str())
                      : Format("not the same bits: %s of %s differ, by at most %.3g\n",
                               tools::FormatCount(count - same).c_str(),
                               tools::FormatPlural(count, "input").c_str(), worst);
    if (!tools::WriteToStdout(verdict, &error)) return End({tools::kExitFailed, error});
  }
  return same == count ? tools::kExitOk : tools::kExitFailed;
}

}  // namespace gem::run
