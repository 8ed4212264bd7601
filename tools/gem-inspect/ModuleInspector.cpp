// Explains a module: what model or program a .mlir file holds.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/Gem/ModuleFile.h"
#include "dialects/GemRT/GemRT.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Terminal.h"
#include "tools/gem-inspect/Inspect.h"
#include "llvm/Support/raw_ostream.h"
#include <map>
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace gem;
using namespace gem::inspect;
using Json = nlohmann::ordered_json;

template <typename T> static std::string textOf(const T &value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  return text;
}

/// {"name": ..., "inputs": {name: type}, "outputs": {name: type}}
static Json describeEntry(func::FuncOp function) {
  Json inputs = Json::object(), outputs = Json::object();
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes())) {
    auto name = function.getArgAttrOfType<StringAttr>(index, kNameAttr);
    inputs[name ? name.str() : std::to_string(index)] = textOf(type);
  }
  for (auto [index, type] : llvm::enumerate(function.getResultTypes())) {
    auto name = function.getResultAttrOfType<StringAttr>(index, kNameAttr);
    outputs[name ? name.str() : std::to_string(index)] = textOf(type);
  }
  return {{"name", function.getSymName().str()}, {"inputs", inputs}, {"outputs", outputs}};
}

static Json describeEntry(rt::EntryOp entry) {
  Json inputs = Json::object(), outputs = Json::object();
  for (auto input : entry.getOps<rt::InputOp>())
    inputs[input.getName().str()] = textOf(input.getBuffer().getType());
  for (auto output : entry.getOps<rt::OutputOp>())
    outputs[output.getName().str()] = textOf(output.getBuffer().getType());
  return {{"name", entry.getSymName().str()}, {"inputs", inputs}, {"outputs", outputs}};
}

static Json describe(ModuleOp module, const std::string &path) {
  Json root = tools::MakeJsonDocument();
  root["kind"] = "module";
  root["path"] = path;
  auto info = module->getAttrOfType<DictionaryAttr>(kModelAttr);
  auto text = [&](StringRef key) {
    auto value = info ? info.getAs<StringAttr>(key) : StringAttr();
    return value ? Json(value.str()) : Json();
  };
  auto parameters = info ? info.getAs<IntegerAttr>("parameters") : IntegerAttr();
  root["model"] = {{"name", text("name")},
                   {"architecture", text("architecture")},
                   {"parameters", parameters ? Json(parameters.getInt()) : Json()}};
  int64_t weights = 0, weightBytes = 0;
  auto count = [&](ElementsAttr value) {
    ++weights;
    weightBytes += value.getNumElements() * (value.getElementType().getIntOrFloatBitWidth() / 8);
  };
  std::map<std::string, int64_t> operations;
  Json entries = Json::array();
  module.walk([&](Operation *op) {
    ++operations[op->getName().getStringRef().str()];
    if (auto weight = dyn_cast<WeightOp>(op))
      count(weight.getValue());
    else if (auto constant = dyn_cast<rt::ConstantOp>(op))
      count(constant.getValue());
    else if (auto function = dyn_cast<func::FuncOp>(op))
      entries.push_back(describeEntry(function));
    else if (auto entry = dyn_cast<rt::EntryOp>(op))
      entries.push_back(describeEntry(entry));
  });
  root["weights"] = {{"count", weights}, {"bytes", weightBytes}};
  root["entries"] = entries;
  root["operations"] = operations;
  return root;
}

static std::string toText(const Json &root, const Options &options) {
  Page page(options.color);
  const Json &model = root["model"];
  auto text = [](const Json &value) {
    return value.is_string() ? value.get<std::string>() : std::string("-");
  };
  page.title(options.path, "a module");
  page.heading("Model");
  page.fact("name", text(model["name"]));
  page.fact("architecture", text(model["architecture"]));
  if (model["parameters"].is_number())
    page.fact("parameters", tools::FormatCount(model["parameters"].get<uint64_t>()));
  page.fact("weights", tools::FormatPlural(root["weights"]["count"].get<uint64_t>(), "tensor") +
                           ", " + tools::FormatBytes(root["weights"]["bytes"].get<uint64_t>()));
  for (const Json &entry : root["entries"]) {
    page.heading("Entry " + text(entry["name"]));
    for (const char *side : {"inputs", "outputs"})
      for (const auto &item : entry[side].items())
        page.fact((side == std::string("inputs") ? "input " : "output ") + item.key(),
                  text(item.value()));
  }
  page.heading("Operations");
  tools::Table table({tools::Table::Align::kRight});
  for (const auto &item : root["operations"].items())
    table.AddRow({tools::FormatCount(item.value().get<uint64_t>()), item.key()});
  return page.str() + table.ToString(2);
}

int gem::inspect::inspectModule(const Options &options) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, rt::GemRTDialect, func::FuncDialect>();
  std::string problem;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (!problem.empty() || diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return success();
    if (auto file = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
      problem = (file.getFilename().getValue() + ":" + Twine(file.getLine()) + ":" +
                 Twine(file.getColumn()) + ": ")
                    .str();
    else
      problem = options.path + ": ";
    problem += diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> module = parseModuleFile(options.path, context);
  if (!module)
    return report(absl::InvalidArgumentError(
        problem.empty() ? options.path + ": is no module that can be read" : problem));
  Json root = describe(*module, options.path);
  return print(options.json ? tools::DumpJson(root) : toText(root, options), tools::kExitOk);
}
