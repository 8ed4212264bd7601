// Says in words what differs between two bundles.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/gem-inspect/BundleBytes.h"
#include "tools/gem-inspect/Inspect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include <map>
#include <nlohmann/json.hpp>
#include <set>

using namespace gem;
using namespace gem::inspect;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char *kAbsent = "absent";

/// A fact that is not the same in both.
struct Change {
  std::string area; ///< "model", "variant pixel-6"
  std::string what; ///< "name"
  std::string a, b;
  std::vector<std::string> tensors; ///< That changed so.
};

std::string textOf(const flatbuffers::String *text) { return text ? text->str() : ""; }

std::string bytesText(uint64_t bytes) {
  return tools::FormatBytes(bytes) + " (" + tools::FormatCount(bytes) + ")";
}

/// "f32", "int8", "int4g32", "int4g32f16": as reports call what weights are stored in.
std::string formatOf(const schema::Constant &constant) {
  std::string name = llvm::StringRef(schema::EnumNameElementType(constant.element_type())).lower();
  if (constant.scales() == schema::Scales::NONE)
    return name;
  std::string format = "int" + name.substr(1);
  if (constant.group_size())
    format += "g" + std::to_string(constant.group_size());
  if (constant.scales() == schema::Scales::F16_GROUP)
    format += "f16";
  return format;
}

class Comparer {
public:
  Comparer(const BundleFile &a, const BundleFile &b) : a(a), b(b) {}

  bool isSame() const { return a.bytes() == b.bytes(); }

  /// The program has the hashes of all segments.
  bool isSameButSignature() const {
    return !isSame() &&
           llvm::ArrayRef(a.preamble().program_hash) == llvm::ArrayRef(b.preamble().program_hash);
  }

  std::vector<Change> compare() {
    compareFile();
    if (isSame() || isSameButSignature())
      return std::move(changes);
    const schema::Bundle &rootA = a.root(), &rootB = b.root();
    add("file", "producer", textOf(rootA.producer()), textOf(rootB.producer()));
    compareModel(*rootA.model(), *rootB.model());
    compareText(rootA.text(), rootB.text());
    compareProvenance();
    compareSegments();
    compareVariants();
    return std::move(changes);
  }

private:
  void add(const std::string &area, const std::string &what, const std::string &inA,
           const std::string &inB) {
    if (inA != inB)
      changes.push_back({area, what, inA, inB, {}});
  }

  static std::string signatureOf(const BundleFile &file) {
    if (file.preamble().signature == kSignatureNone)
      return kAbsent;
    return "ed25519, " + hexOf({reinterpret_cast<const uint8_t *>(
                                    file.bytes().take_back(kSignatureBlockSize).data()) +
                                    kSignatureOffsetKey,
                                kSignatureOffsetSignature - kSignatureOffsetKey});
  }

  void compareFile() {
    auto version = [](const BundleFile &file) {
      return tools::Format("%u.%u", file.preamble().format_major, file.preamble().format_minor);
    };
    add("file", "format", version(a), version(b));
    add("file", "size", bytesText(a.bytes().size()), bytesText(b.bytes().size()));
    add("file", "signature", signatureOf(a), signatureOf(b));
  }

  void compareModel(const schema::Model &modelA, const schema::Model &modelB) {
    add("model", "name", textOf(modelA.name()), textOf(modelB.name()));
    add("model", "architecture", textOf(modelA.architecture()), textOf(modelB.architecture()));
    add("model", "parameters", tools::FormatCount(modelA.parameters()),
        tools::FormatCount(modelB.parameters()));
    auto labelsOf = [](const schema::Model &model) {
      std::vector<std::string> labels;
      if (model.labels())
        for (const flatbuffers::String *label : *model.labels())
          labels.push_back(label->str());
      return labels;
    };
    std::vector<std::string> labelsA = labelsOf(modelA), labelsB = labelsOf(modelB);
    add("model", "labels", std::to_string(labelsA.size()), std::to_string(labelsB.size()));
    size_t moved = 0;
    std::string firstA, firstB;
    for (size_t i = 0; i < std::min(labelsA.size(), labelsB.size()); ++i)
      if (labelsA[i] != labelsB[i] && moved++ == 0)
        std::tie(firstA, firstB) = std::tuple(std::to_string(i) + " is '" + labelsA[i] + "'",
                                              std::to_string(i) + " is '" + labelsB[i] + "'");
    if (moved)
      add("model", tools::FormatPlural(moved, "label") + ", the first", firstA, firstB);
  }

  void compareText(const schema::Text *textA, const schema::Text *textB) {
    auto tokenizer = [](const BundleFile &file) -> std::string {
      const schema::Text *text = file.root().text();
      if (!text)
        return kAbsent;
      const schema::Segment &segment = *file.root().segments()->Get(text->tokenizer_segment());
      return "blake3 " + hexOf({segment.hash()->data(), segment.hash()->size()}).substr(0, 16) +
             ", " + tools::FormatBytes(segment.length());
    };
    add("text", "tokenizer", tokenizer(a), tokenizer(b));
    if (!textA || !textB)
      return;
    add("text", "most tokens", std::to_string(textA->maximum_tokens()),
        std::to_string(textB->maximum_tokens()));
    add("text", "padded", textA->padded() ? "yes" : "no", textB->padded() ? "yes" : "no");
    add("text", "padding's id", std::to_string(textA->pad_id()), std::to_string(textB->pad_id()));
  }

  void compareProvenance() {
    std::map<std::string, std::pair<std::string, std::string>> all;
    auto read = [&](const BundleFile &file, auto member) {
      if (file.root().provenance())
        for (const schema::KeyValue *entry : *file.root().provenance()) {
          auto [it, isNew] = all.try_emplace(entry->key()->str(), kAbsent, kAbsent);
          it->second.*member = entry->value()->str();
        }
    };
    using Values = std::pair<std::string, std::string>;
    read(a, &Values::first);
    read(b, &Values::second);
    for (const auto &[key, values] : all)
      add("provenance", key, values.first, values.second);
  }

  void compareSegments() {
    std::multiset<std::string> hashes;
    for (const schema::Segment *segment : *b.root().segments())
      hashes.insert(hexOf({segment->hash()->data(), segment->hash()->size()}));
    uint32_t equal = 0;
    for (const schema::Segment *segment : *a.root().segments())
      if (auto it = hashes.find(hexOf({segment->hash()->data(), segment->hash()->size()}));
          it != hashes.end()) {
        hashes.erase(it);
        ++equal;
      }
    auto count = [&](const BundleFile &file) {
      uint32_t all = file.root().segments()->size();
      return std::to_string(all) + ", " + std::to_string(all - equal) + " of them only here";
    };
    add("segments", "number", count(a), count(b));
    llvm::StringMap<const schema::Segment *> byName;
    for (const schema::Segment *segment : *b.root().segments())
      byName[segment->name()->str()] = segment;
    for (const schema::Segment *segment : *a.root().segments()) {
      const schema::Segment *other = byName.lookup(segment->name()->str());
      if (other && hexOf({segment->hash()->data(), segment->hash()->size()}) !=
                       hexOf({other->hash()->data(), other->hash()->size()}))
        add("segments", "'" + segment->name()->str() + "'", describe(*segment), describe(*other));
    }
  }

  static std::string describe(const schema::Segment &segment) {
    return bytesText(segment.length()) + ", blake3 " +
           hexOf({segment.hash()->data(), segment.hash()->size()}).substr(0, 16);
  }

  void compareVariants() {
    const auto &variantsA = *a.root().variants(), &variantsB = *b.root().variants();
    // One of each are two makes of the same thing, whatever the devices.
    if (variantsA.size() == 1 && variantsB.size() == 1) {
      add("variants", "device", textOf(variantsA[0]->device()), textOf(variantsB[0]->device()));
      return compareVariant(*variantsA[0], *variantsB[0]);
    }
    std::map<std::string, std::pair<const schema::Variant *, const schema::Variant *>> all;
    for (const schema::Variant *variant : variantsA)
      all[variant->device()->str()].first = variant;
    for (const schema::Variant *variant : variantsB)
      all[variant->device()->str()].second = variant;
    for (const auto &[device, pair] : all) {
      add("variants", device, pair.first ? "present" : kAbsent, pair.second ? "present" : kAbsent);
      if (pair.first && pair.second)
        compareVariant(*pair.first, *pair.second);
    }
  }

  void compareVariant(const schema::Variant &inA, const schema::Variant &inB) {
    area = "variant " + inB.device()->str();
    auto limit = [](const schema::Variant &variant) {
      return variant.memory_limit() ? tools::FormatBytes(variant.memory_limit()) : "unknown";
    };
    auto kernels = [](const schema::Variant &variant) {
      return variant.cpu_kernels() ? variant.cpu_kernels()->str() : "unknown";
    };
    add(area, "memory limit", limit(inA), limit(inB));
    add(area, "best kernels", kernels(inA), kernels(inB));
    compareConstants(*inA.program(), *inB.program());
    std::map<std::string, std::pair<const schema::Entry *, const schema::Entry *>> entries;
    for (const schema::Entry *entry : *inA.program()->entries())
      entries[entry->name()->str()].first = entry;
    for (const schema::Entry *entry : *inB.program()->entries())
      entries[entry->name()->str()].second = entry;
    for (const auto &[name, pair] : entries) {
      add(area, "entry " + name, pair.first ? "present" : kAbsent,
          pair.second ? "present" : kAbsent);
      if (pair.first && pair.second)
        compareEntry(name, *pair.first, *pair.second);
    }
  }

  /// Tensors that changed in the same way make one line.
  void compareConstants(const schema::Program &inA, const schema::Program &inB) {
    llvm::StringMap<const schema::Constant *> byName;
    for (const schema::Constant *constant : *inB.constants())
      byName[constant->name()->str()] = constant;
    std::map<std::pair<std::string, std::string>, std::vector<std::string>> groups;
    std::vector<std::string> values;
    for (const schema::Constant *constant : *inA.constants()) {
      std::string name = constant->name()->str();
      auto found = byName.find(name);
      if (found == byName.end()) {
        groups[{formatOf(*constant), kAbsent}].push_back(name);
        continue;
      }
      const schema::Constant &other = *found->second;
      byName.erase(found);
      auto describe = [](const schema::Constant &of, bool withShape) {
        std::vector<int64_t> shape(of.shape()->begin(), of.shape()->end());
        return formatOf(of) + (withShape ? " " + formatShape(shape) : "");
      };
      bool isReshaped = !std::equal(constant->shape()->begin(), constant->shape()->end(),
                                    other.shape()->begin(), other.shape()->end());
      std::string textA = describe(*constant, isReshaped), textB = describe(other, isReshaped);
      if (textA != textB)
        groups[{textA, textB}].push_back(name);
      else if (bytesOf(a, *constant) != bytesOf(b, other))
        values.push_back(name);
    }
    for (const schema::Constant *constant : *inB.constants())
      if (byName.count(constant->name()->str()))
        groups[{kAbsent, formatOf(*constant)}].push_back(constant->name()->str());
    for (const auto &[pair, names] : groups)
      addTensors(names, pair.first, pair.second);
    if (!values.empty())
      addTensors(values, "some values", "other values");
  }

  void addTensors(const std::vector<std::string> &names, const std::string &inA,
                  const std::string &inB) {
    changes.push_back({area, tools::FormatPlural(names.size(), "tensor"), inA, inB, names});
  }

  static llvm::ArrayRef<char> bytesOf(const BundleFile &file, const schema::Constant &constant) {
    return file.segment(constant.segment()).slice(constant.offset(), constant.length());
  }

  void compareEntry(const std::string &name, const schema::Entry &inA, const schema::Entry &inB) {
    std::string prefix = name + ": ";
    add(area, prefix + "arena", bytesText(inA.arena_size()), bytesText(inB.arena_size()));
    add(area, prefix + "inputs", names(*inA.inputs()), names(*inB.inputs()));
    add(area, prefix + "outputs", names(*inA.outputs()), names(*inB.outputs()));
    std::map<std::string, std::pair<int, int>> counts;
    std::vector<std::string> listA = commandsOf(inA), listB = commandsOf(inB);
    for (const std::string &kernel : listA)
      ++counts[kernel].first;
    for (const std::string &kernel : listB)
      ++counts[kernel].second;
    bool isCounted = false;
    for (const auto &[kernel, pair] : counts) {
      isCounted |= pair.first != pair.second;
      add(area, prefix + "calls of " + kernel, std::to_string(pair.first),
          std::to_string(pair.second));
    }
    if (!isCounted && listA != listB)
      add(area, prefix + "calls", "in one order", "in another");
  }

  static std::string
  names(const flatbuffers::Vector<flatbuffers::Offset<schema::Binding>> &bindings) {
    std::string text;
    for (const schema::Binding *binding : bindings)
      text += (text.empty() ? "" : ", ") + binding->name()->str();
    return text;
  }

  static std::vector<std::string> commandsOf(const schema::Entry &entry) {
    std::vector<std::string> kernels;
    for (const schema::Submission *submission : *entry.submissions())
      for (const schema::Command *command : *submission->commands())
        kernels.push_back(llvm::StringRef(schema::EnumNameKernel(command->kernel())).lower());
    return kernels;
  }

  const BundleFile &a, &b;
  std::string area;
  std::vector<Change> changes;
};

std::string verdict(const Comparer &comparer, const std::vector<Change> &changes) {
  if (comparer.isSame())
    return "the same bytes";
  if (comparer.isSameButSignature())
    return "only the signature differs";
  if (changes.empty())
    return "different bytes that say the same";
  return tools::FormatPlural(changes.size(), "difference");
}

} // namespace

int gem::inspect::compareBundles(const Options &options) {
  std::shared_ptr<const BundleFile> files[2];
  for (int i = 0; i < 2; ++i) {
    auto file = BundleFile::open(i ? options.other : options.path);
    if (!file.ok())
      return report(file.status());
    files[i] = *std::move(file);
  }
  Comparer comparer(*files[0], *files[1]);
  std::vector<Change> changes = comparer.compare();
  int code = comparer.isSame() ? tools::kExitOk : tools::kExitFailed;
  if (options.json) {
    Json json = tools::MakeJsonDocument();
    json["kind"] = "bundle_difference";
    json["a"] = options.path;
    json["b"] = options.other;
    json["same"] = comparer.isSame();
    json["only_signature"] = comparer.isSameButSignature();
    Json &list = json["changes"] = Json::array();
    for (const Change &change : changes) {
      list.push_back(
          {{"area", change.area}, {"what", change.what}, {"a", change.a}, {"b", change.b}});
      if (!change.tensors.empty())
        list.back()["tensors"] = change.tensors;
    }
    return print(tools::DumpJson(json), code);
  }
  Page page(options.color);
  page.title(options.path + " -> " + options.other, verdict(comparer, changes));
  std::string area;
  for (const Change &change : changes) {
    if (change.area != area)
      page.heading(llvm::StringRef(change.area).take_front(1).upper() + change.area.substr(1));
    area = change.area;
    page.fact(change.what, change.a + " -> " + change.b +
                               (change.tensors.empty()
                                    ? ""
                                    : ": " + abbreviate(change.tensors, options.common.verbose)));
  }
  return print(page.str(), code);
}
