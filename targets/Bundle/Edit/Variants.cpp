// Several variants of one model in one bundle, and each again alone.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Edit/Variants.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <utility>

namespace gem::edit {
namespace {

constexpr char kMark = '@';  // between a name and the device it is for
constexpr char kProducer[] = "producer";

using Provenance = std::map<std::string, std::string>;

// A name and the device it is for: "" for all.
struct MarkedName {
  std::string base, device;
};

// In a file with one variant no name tells variants apart, and elsewhere only one that
// ends with a variant's device does.
MarkedName ReadName(const std::string& name, const schema::BundleT& bundle) {
  const size_t mark = name.find(kMark);
  if (mark == std::string::npos || bundle.variants.size() == 1) return {name, ""};
  const std::string device = name.substr(mark + 1);
  for (const auto& variant : bundle.variants) {
    if (variant->device == device) return {name.substr(0, mark), device};
  }
  return {name, ""};
}

Provenance ProvenanceOf(const schema::BundleT& bundle) {
  Provenance provenance;
  for (const auto& entry : bundle.provenance) provenance[entry->key] = entry->value;
  return provenance;
}

void SetProvenance(schema::BundleT& bundle, const Provenance& provenance) {
  bundle.provenance.clear();
  for (const auto& [key, value] : provenance) {
    auto entry = std::make_unique<schema::KeyValueT>();
    entry->key = key;
    entry->value = value;
    bundle.provenance.push_back(std::move(entry));
  }
}

// By segment, whether a variant, or with the tokenizer's all of them, needs it.
std::vector<bool> NeededSegments(const schema::BundleT& bundle, const schema::VariantT& variant) {
  std::vector<bool> needed(bundle.segments.size());
  if (bundle.text != nullptr) needed[bundle.text->tokenizer_segment] = true;
  for (const auto& constant : variant.program->constants) needed[constant->segment] = true;
  return needed;
}

// A variant alone, on its way into a merged bundle.
struct Part {
  Contents contents;
  const BundleSource* source;
  std::string device;

  const schema::BundleT& bundle() const { return contents.bundle; }
  // As messages call it.
  std::string Name() const { return source->name() + " (" + device + ")"; }
};

bool IsSameSegment(const schema::SegmentT& a, const schema::SegmentT& b) {
  return a.name == b.name && a.kind == b.kind && a.length == b.length && a.hash == b.hash;
}

class Merger {
 public:
  Merger(std::vector<Part> parts, Contents* merged, Problem* problem)
      : parts_(std::move(parts)), merged_(*merged), problem_(problem) {}

  bool Run() {
    for (size_t i = 0; i < parts_.size(); ++i) {
      if (!CheckNames(parts_[i])) return false;
      for (size_t k = 0; k < i; ++k) {
        if (parts_[i].device == parts_[k].device) {
          return Refuse(problem_, "both " + parts_[k].source->name() + " and " +
                                      parts_[i].source->name() + " have a variant for '" +
                                      parts_[i].device +
                                      "'; a bundle has one a device, so split one of them first");
        }
      }
      if (i > 0 && !CheckSameModel(parts_[0], parts_[i])) return false;
    }
    merged_ = {};
    // Everything but variants, segments and provenance is the same in all.
    merged_.bundle.producer = parts_[0].bundle().producer;
    merged_.bundle.model = std::make_unique<schema::ModelT>(*parts_[0].bundle().model);
    for (const Part& part : parts_) AddSegments(part);
    for (size_t i = 0; i < parts_.size(); ++i) AddVariant(i);
    NameSegments();
    AddProvenance();
    return true;
  }

 private:
  // A mark in a name that was there before would be taken for one of this.
  bool CheckNames(const Part& part) {
    const auto check = [&](const std::string& what, const std::string& name) {
      if (name.find(kMark) == std::string::npos) return true;
      return Refuse(problem_, part.Name() + ": " + what + " '" + name + "': expected no '" + kMark +
                                  "', which tells the variants of a merged bundle apart");
    };
    for (const auto& segment : part.bundle().segments) {
      if (!check("segment", segment->name)) return false;
    }
    const std::vector<bool> needed = NeededSegments(part.bundle(), *part.bundle().variants[0]);
    const auto unused = std::find(needed.begin(), needed.end(), false);
    if (unused != needed.end()) {
      return Refuse(problem_, part.Name() + ": segment '" +
                                  part.bundle().segments[unused - needed.begin()]->name +
                                  "': expected that the variant needs it, but nothing refers to "
                                  "it, so it could not be told whose it is");
    }
    for (const auto& entry : part.bundle().provenance) {
      if (!check("provenance", entry->key)) return false;
      if (entry->key == kProducer) {
        return Refuse(problem_, part.Name() + ": provenance 'producer': expected no such key, " +
                                    "which is for the producers of a merged bundle");
      }
    }
    return true;
  }

  bool Differ(const Part& a, const Part& b, const std::string& field, const std::string& in_a,
              const std::string& in_b, const std::string& hint = "") {
    return Refuse(problem_, "these are not variants of one model: " + field + " is '" + in_a +
                                "' in " + a.Name() + ", but '" + in_b + "' in " + b.Name() +
                                (hint.empty() ? "" : "; " + hint));
  }

  bool CheckSameModel(const Part& a, const Part& b) {
    const schema::ModelT &model_a = *a.bundle().model, &model_b = *b.bundle().model;
    // First what says most about what went wrong.
    const std::string kHash = "model.hash";
    Provenance in_a = ProvenanceOf(a.bundle()), in_b = ProvenanceOf(b.bundle());
    if (in_a[kHash] != in_b[kHash]) {
      return Differ(a, b, "the hash of the model they were compiled from", in_a[kHash],
                    in_b[kHash]);
    }
    const std::pair<const char*, std::pair<std::string, std::string>> facts[] = {
        {"the architecture", {model_a.architecture, model_b.architecture}},
        {"the number of parameters",
         {std::to_string(model_a.parameters), std::to_string(model_b.parameters)}},
        {"the model's name", {model_a.name, model_b.name}},
        {"the number of labels",
         {std::to_string(model_a.labels.size()), std::to_string(model_b.labels.size())}},
    };
    for (const auto& [field, values] : facts) {
      if (values.first == values.second) continue;
      return Differ(
          a, b, field, values.first, values.second,
          &values == &facts[2].second ? "give both the same with gem-compile --name" : "");
    }
    for (size_t i = 0; i < model_a.labels.size(); ++i) {
      if (model_a.labels[i] == model_b.labels[i]) continue;
      return Differ(a, b, "label " + std::to_string(i), model_a.labels[i], model_b.labels[i]);
    }
    return CheckSameText(a, b);
  }

  bool CheckSameText(const Part& a, const Part& b) {
    const schema::TextT *text_a = a.bundle().text.get(), *text_b = b.bundle().text.get();
    if ((text_a == nullptr) != (text_b == nullptr)) {
      return Differ(a, b, "the tokenizer", text_a != nullptr ? "present" : "absent",
                    text_b != nullptr ? "present" : "absent");
    }
    if (text_a == nullptr) return true;
    const auto tokenizer = [](const Part& part) -> const schema::SegmentT& {
      return *part.bundle().segments[part.bundle().text->tokenizer_segment];
    };
    if (!IsSameSegment(tokenizer(a), tokenizer(b))) {
      return Differ(a, b, "the tokenizer", ShortHash(tokenizer(a).hash),
                    ShortHash(tokenizer(b).hash));
    }
    if (text_a->padded != text_b->padded) {
      return Differ(a, b, "the padding of texts", text_a->padded ? "on" : "off",
                    text_b->padded ? "on" : "off", "compile both with --pad, or none");
    }
    if (text_a->maximum_tokens != text_b->maximum_tokens) {
      return Differ(a, b, "the most tokens of a text", std::to_string(text_a->maximum_tokens),
                    std::to_string(text_b->maximum_tokens),
                    "compile both with the same --sequence");
    }
    if (text_a->pad_id != text_b->pad_id) {
      return Differ(a, b, "the padding's token id", std::to_string(text_a->pad_id),
                    std::to_string(text_b->pad_id));
    }
    return true;
  }

  // Adds the segments of `part` that are not there yet, so that the order that each part
  // has is kept: a variant is taken out again by leaving out what others need.
  void AddSegments(const Part& part) {
    constexpr size_t kNew = ~size_t{0};
    auto& segments = merged_.bundle.segments;
    std::vector<size_t> match(part.bundle().segments.size(), kNew);
    size_t cursor = 0;
    for (size_t i = 0; i < match.size(); ++i) {
      for (size_t k = cursor; k < segments.size(); ++k) {
        if (!IsSameSegment(*segments[k], *part.bundle().segments[i])) continue;
        match[i] = k;
        cursor = k + 1;
        break;
      }
    }
    // From the end, so that places that were found stay right.
    size_t before = segments.size();
    for (size_t i = match.size(); i-- > 0;) {
      if (match[i] != kNew) {
        before = match[i];
        continue;
      }
      const auto at = static_cast<ptrdiff_t>(before);
      segments.insert(segments.begin() + at,
                      std::make_unique<schema::SegmentT>(*part.bundle().segments[i]));
      merged_.origins.insert(merged_.origins.begin() + at, part.contents.origins[i]);
      for (auto& owned : owned_) {
        for (size_t& place : owned) place += place >= before ? 1 : 0;
      }
      for (size_t k = i + 1; k < match.size(); ++k) ++match[k];
      match[i] = before;
    }
    owned_.push_back(std::move(match));
  }

  void AddVariant(size_t index) {
    const Part& part = parts_[index];
    auto variant = std::make_unique<schema::VariantT>(*part.bundle().variants[0]);
    for (const auto& constant : variant->program->constants) {
      constant->segment = static_cast<uint32_t>(owned_[index][constant->segment]);
    }
    merged_.bundle.variants.push_back(std::move(variant));
    if (part.bundle().text == nullptr || merged_.bundle.text != nullptr) return;
    merged_.bundle.text = std::make_unique<schema::TextT>(*part.bundle().text);
    uint32_t& tokenizer = merged_.bundle.text->tokenizer_segment;
    tokenizer = static_cast<uint32_t>(owned_[index][tokenizer]);
  }

  // Of segments of one name, all but the first are named after the first variant that
  // needs them.
  void NameSegments() {
    std::set<std::string> taken;
    for (size_t i = 0; i < merged_.bundle.segments.size(); ++i) {
      std::string& name = merged_.bundle.segments[i]->name;
      if (taken.insert(name).second) continue;
      for (size_t k = 0; k < parts_.size(); ++k) {
        if (std::find(owned_[k].begin(), owned_[k].end(), i) == owned_[k].end()) continue;
        name += kMark + parts_[k].device;
        break;
      }
    }
  }

  void AddProvenance() {
    std::vector<Provenance> all;
    std::set<std::string> keys;
    for (const Part& part : parts_) {
      all.push_back(ProvenanceOf(part.bundle()));
      for (const auto& [key, value] : all.back()) keys.insert(key);
    }
    Provenance merged;
    for (const std::string& key : keys) {
      const auto first = all[0].find(key);
      const bool shared = first != all[0].end() &&
                          std::all_of(all.begin(), all.end(),
                                      [&key = key, &value = first->second](const auto& one) {
                                        const auto it = one.find(key);
                                        return it != one.end() && it->second == value;
                                      });
      if (shared) merged[key] = first->second;
      for (size_t i = 0; i < parts_.size() && !shared; ++i) {
        const auto it = all[i].find(key);
        if (it != all[i].end()) merged[key + kMark + parts_[i].device] = it->second;
      }
    }
    for (const Part& part : parts_) {
      if (part.bundle().producer == merged_.bundle.producer) continue;
      merged[std::string(kProducer) + kMark + part.device] = part.bundle().producer;
    }
    SetProvenance(merged_.bundle, merged);
  }

  const std::vector<Part> parts_;
  std::vector<std::vector<size_t>> owned_;  // by part and its segment, the merged one
  Contents& merged_;
  Problem* problem_;
};

}  // namespace

Contents TakeVariant(const Contents& contents, size_t index) {
  const schema::BundleT& from = contents.bundle;
  const schema::VariantT& variant = *from.variants[index];
  Contents taken;
  schema::BundleT& to = taken.bundle;
  to.producer = from.producer;
  to.model = std::make_unique<schema::ModelT>(*from.model);
  to.variants.push_back(std::make_unique<schema::VariantT>(variant));
  if (from.text != nullptr) to.text = std::make_unique<schema::TextT>(*from.text);

  const bool is_merged = from.variants.size() > 1;
  const std::vector<bool> needed = NeededSegments(from, variant);
  std::vector<uint32_t> places(from.segments.size());
  for (size_t i = 0; i < from.segments.size(); ++i) {
    if (is_merged && !needed[i]) continue;
    places[i] = static_cast<uint32_t>(to.segments.size());
    to.segments.push_back(std::make_unique<schema::SegmentT>(*from.segments[i]));
    taken.origins.push_back(contents.origins[i]);
    to.segments.back()->name = ReadName(from.segments[i]->name, from).base;
  }
  for (const auto& constant : to.variants[0]->program->constants) {
    constant->segment = places[constant->segment];
  }
  if (to.text != nullptr) to.text->tokenizer_segment = places[to.text->tokenizer_segment];

  Provenance provenance;
  for (const auto& [key, value] : ProvenanceOf(from)) {
    const MarkedName name = ReadName(key, from);
    if (!name.device.empty() && name.device != variant.device) continue;
    if (!name.device.empty() && name.base == kProducer) {
      to.producer = value;
    } else {
      provenance[name.base] = value;
    }
  }
  SetProvenance(to, provenance);
  return taken;
}

bool MergeBundles(const std::vector<const BundleSource*>& sources, Contents* merged,
                  Problem* problem) {
  std::vector<Part> parts;
  for (const BundleSource* source : sources) {
    const Contents contents = ContentsOf(*source);
    for (size_t i = 0; i < contents.bundle.variants.size(); ++i) {
      parts.push_back({TakeVariant(contents, i), source, contents.bundle.variants[i]->device});
    }
  }
  return Merger(std::move(parts), merged, problem).Run();
}

}  // namespace gem::edit
