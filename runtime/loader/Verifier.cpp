// The semantic verifier: segments, model, symbols and constants.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/Verifier.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/loader/EntryVerifier.h"
#include "runtime/loader/VerifierBase.h"
#include "runtime/schema/Preamble.h"

namespace gem {
namespace {

using schema::DimKind;
using schema::ElementType;
using schema::Role;

class Verifier : public VerifierBase {
 public:
  using VerifierBase::VerifierBase;

  bool VerifySegments();
  bool VerifyModel();
  bool VerifyProvenance();
  bool VerifyVariants();
  bool VerifyText();

 private:
  bool VerifySymbols();
  bool VerifyConstants();
  bool VerifyScales(const unpacked::Constant& constant, const char* where);
};

static_assert(ToFormat(schema::Scales::ROW) == format::Scales::kRow);
static_assert(ToFormat(schema::Scales::TWO_LEVEL) == format::Scales::kTwoLevel);
static_assert(ToFormat(schema::Scales::F16_GROUP) == format::Scales::kF16Group);

bool Verifier::VerifySegments() {
  const uint64_t file_size = file_.size();
  const auto& segments = bundle_.segments;
  if (segments.size() > kMaxSegments) {
    return Refuse("segments: expected at most %u, but got %u"_msg, kMaxSegments, segments.size());
  }
  if (!VerifyUniqueNames(segments, &unpacked::Segment::name, "segment")) return false;
  uint64_t end = kPreambleSize + preamble_.program_size;
  for (uint32_t i = 0; i < segments.size(); ++i) {
    const unpacked::Segment& segment = segments[i];
    char where[80];
    snprintf(where, sizeof(where), "segment %u ('%.48s')", i, segment.name->c_str());
    const auto kind = segment.kind;
    if (kind != schema::SegmentKind::WEIGHTS && kind != schema::SegmentKind::TOKENIZER) {
      return Refuse("%s: kind: expected 1 (WEIGHTS) or 2 (TOKENIZER), but got %u"_msg, where, kind);
    }
    if (segment.hash_algorithm != schema::HashAlgorithm::BLAKE3) {
      return Refuse("%s: hash_algorithm: expected 1 (BLAKE3), but got %u"_msg, where,
                    segment.hash_algorithm);
    }
    if (segment.hash->size() != kHashSize) {
      return Refuse("%s: hash: expected %zu bytes, but got %u"_msg, where, kHashSize,
                    segment.hash->size());
    }
    // The end never passes the file's size, so neither this nor AlignUp overflows.
    const uint64_t length = segment.length;
    if (length == 0 || length > file_size - end) {
      return Refuse(
          "%s: length: expected 1 to the %llu bytes that the file has "
          "left, but got %llu"_msg,
          where, file_size - end, length);
    }
    const uint64_t offset = SegmentOffset(end, length);
    if (segment.offset != offset) {
      return Refuse(
          "%s: offset: expected %llu, the next multiple of %llu, but "
          "got %llu"_msg,
          where, offset, SegmentAlignment(length), segment.offset);
    }
    if (offset > file_size || length > file_size - offset) {
      return Refuse(
          "%s: length: expected its end within the file of %llu bytes, "
          "but got offset %llu and length %llu"_msg,
          where, file_size, offset, length);
    }
    end = offset + length;
  }
  const bool is_signed = preamble_.signature != kSignatureNone;
  // The file's size is a multiple of the alignment then, so this does not overflow.
  if (is_signed) end = AlignUp(end, kSegmentAlignment);
  if (end != file_size) {
    return Refuse(
        "segments: expected the %s at byte %llu, after the last of them, but got it at "
        "byte %llu"_msg,
        is_signed ? "signature" : "file's end", end, file_size);
  }
  return true;
}

bool Verifier::VerifyModel() {
  if (!VerifyString(bundle_.producer, false, "producer")) return false;
  const unpacked::Model& model = bundle_.model;
  if (!VerifyString(model.name, true, "model: name")) return false;
  if (!VerifyString(model.architecture, true, "model: architecture")) return false;
  for (uint32_t i = 0; i < SizeOf(model.labels); ++i) {
    char field[48];
    snprintf(field, sizeof(field), "model: label %u", i);
    if (!VerifyString(model.labels->Get(i), true, field)) return false;
  }
  return true;
}

bool Verifier::VerifyProvenance() {
  const auto& provenance = bundle_.provenance;
  for (uint32_t i = 0; i < provenance.size(); ++i) {
    const unpacked::KeyValue& pair = provenance[i];
    char field[48];
    snprintf(field, sizeof(field), "provenance %u: key", i);
    if (!VerifyString(pair.key, false, field)) return false;
    snprintf(field, sizeof(field), "provenance %u: value", i);
    if (!VerifyString(pair.value, true, field)) return false;
    if (i > 0 && strcmp(provenance[i - 1].key->c_str(), pair.key->c_str()) >= 0) {
      return Refuse(
          "provenance %u: key: expected unique keys in ascending order, but got '%.48s' "
          "after '%.48s'"_msg,
          i, pair.key->c_str(), provenance[i - 1].key->c_str());
    }
  }
  return true;
}

bool Verifier::VerifyText() {
  const unpacked::Text* text = bundle_.text;
  if (text == nullptr) return true;
  const uint32_t segment = text->tokenizer_segment;
  if (segment >= bundle_.segments.size()) {
    return Refuse("text: tokenizer_segment: expected less than the %u segments, but got %u"_msg,
                  bundle_.segments.size(), segment);
  }
  const auto kind = bundle_.segments[segment].kind;
  if (kind != schema::SegmentKind::TOKENIZER) {
    return Refuse(
        "text: tokenizer_segment: expected a segment of kind TOKENIZER, but segment %u "
        "is %s"_msg,
        segment, schema::EnumNameSegmentKind(kind));
  }
  if (text->maximum_tokens < 2) {
    return Refuse("text: maximum_tokens: expected at least 2, but got %u"_msg,
                  text->maximum_tokens);
  }
  for (const unpacked::Variant& variant : bundle_.variants) {
    for (const unpacked::Entry& entry : variant.program.entries) {
      for (const unpacked::Binding& input : entry.inputs) {
        if (input.role != Role::TOKEN_IDS) continue;
        const schema::Dim& tokens = entry.buffers[input.buffer].shape[0];
        const uint32_t maximum = variant.program.Maximum(tokens);
        if (text->maximum_tokens > maximum) {
          return Refuse(
              "text: maximum_tokens: expected at most %u, as input '%.48s' of entry "
              "'%.48s' takes, but got %u"_msg,
              maximum, input.name->c_str(), entry.name->c_str(), text->maximum_tokens);
        }
        if (text->padded == 0) continue;
        if (tokens.kind() != DimKind::CONSTANT) {
          return Refuse(
              "text: padded: expected input '%.48s' of entry '%.48s' to have a constant "
              "length, but got a symbol"_msg,
              input.name->c_str(), entry.name->c_str());
        }
        const uint32_t pad = text->pad_id;
        if (pad > kMaxExtent || static_cast<int32_t>(pad) < input.minimum ||
            static_cast<int32_t>(pad) > input.maximum) {
          return Refuse(
              "text: pad_id: expected %d to %d, as input '%.48s' of entry '%.48s' takes, "
              "but got %u"_msg,
              input.minimum, input.maximum, input.name->c_str(), entry.name->c_str(), pad);
        }
      }
    }
  }
  return true;
}

// --- programs ----------------------------------------------------------------

bool Verifier::VerifyVariants() {
  const auto& variants = bundle_.variants;
  if (variants.size() == 0) return Refuse("variants: expected at least one, but got none"_msg);
  if (!VerifyUniqueNames(variants, &unpacked::Variant::device, "variant")) return false;
  for (uint32_t i = 0; i < variants.size(); ++i) {
    variant_ = &variants[i];
    variant_index_ = i;
    program_ = &variant_->program;
    if (SizeOf(variant_->required_features) != 0) {
      const String* feature = variant_->required_features->Get(0);
      return RefuseAs(GEM_STATUS_UNSUPPORTED,
                      "required_features: expected none, since this runtime (%s) has none, but got "
                      "'%.64s'; use a newer runtime"_msg,
                      gem_version(), feature->c_str());
    }
    if (variant_->cpu_kernels != nullptr && !VerifyIsSince(2, "cpu_kernels")) return false;
    if (!VerifyString(variant_->cpu_kernels, false, "cpu_kernels")) return false;
    if (!VerifySymbols() || !VerifyConstants()) return false;
    const auto& entries = program_->entries;
    if (entries.size() == 0) return Refuse("entries: expected at least one, but got none"_msg);
    if (!VerifyUniqueNames(entries, &unpacked::Entry::name, "entry")) return false;
    for (const unpacked::Entry& entry : entries) {
      EntryVerifier verifier(*this, entry);
      if (!verifier.Verify()) {
        status_ = verifier.status();
        return false;
      }
    }
    variant_ = nullptr;
  }
  return true;
}

bool Verifier::VerifySymbols() {
  const auto& symbols = program_->symbols;
  if (!VerifyUniqueNames(symbols, &unpacked::Symbol::name, "symbol")) return false;
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    const unpacked::Symbol& symbol = symbols[i];
    if (symbol.minimum < 1 || symbol.minimum > symbol.maximum) {
      return Refuse("symbol %u ('%.48s'): minimum: expected 1 to its maximum %u, but got %u"_msg, i,
                    symbol.name->c_str(), symbol.maximum, symbol.minimum);
    }
    if (symbol.maximum > kMaxSymbolValue) {
      return Refuse("symbol %u ('%.48s'): maximum: expected at most %u, but got %u"_msg, i,
                    symbol.name->c_str(), kMaxSymbolValue, symbol.maximum);
    }
  }
  return true;
}

bool Verifier::VerifyScales(const unpacked::Constant& constant, const char* where) {
  const ElementType type = constant.element_type;
  const auto scales = static_cast<unsigned>(constant.scales);
  const unsigned bits = CodeBits(type);
  if (constant.scales == schema::Scales::NONE && constant.group_size == 0) {
    // I8 without scales is a number, fewer bits are none.
    if (bits == 0 || bits == 8) return true;
  } else if (!VerifyIsSince(1, "quantized constants")) {
    return false;
  }
  if (!format::IsValid(bits, ToFormat(constant.scales), constant.group_size)) {
    return Refuse("%s: scales, group_size: expected %s for %s, but got %u and %u"_msg, where,
                  bits == 0 ? "0 (NONE) and 0"
                  : bits == 8
                      ? "0 (NONE) or 1 (ROW), and 0"
                      : "1 (ROW) and 0, or 2 (TWO_LEVEL) or 3 (F16_GROUP) and 32, 64 or 128",
                  Name(type), scales, constant.group_size);
  }
  if (constant.shape.rank == 2) return true;
  return Refuse("%s: shape: expected 2 extents of a quantized constant, but got %u"_msg, where,
                constant.shape.rank);
}

bool Verifier::VerifyConstants() {
  const auto& constants = program_->constants;
  if (constants.size() > kMaxConstants) {
    return Refuse("constants: expected at most %u, but got %u"_msg, kMaxConstants,
                  constants.size());
  }
  if (!VerifyUniqueNames(constants, &unpacked::Constant::name, "constant")) return false;
  for (uint32_t i = 0; i < constants.size(); ++i) {
    const unpacked::Constant& constant = constants[i];
    char where[80];
    snprintf(where, sizeof(where), "constant %u ('%.48s')", i, constant.name->c_str());
    const ElementType type = constant.element_type;
    if (ElementSize(type) == 0 && CodeBits(type) == 0) {
      return Refuse("%s: element_type: expected 1 (F32) to %u (I2), but got %u"_msg, where,
                    ElementType::MAX, type);
    }
    if (type > ElementType::I64 && !VerifyIsSince(1, Name(type))) return false;
    const unpacked::Shape& shape = constant.shape;
    if (shape.rank < 1 || shape.rank > kMaxRank) {
      return Refuse("%s: shape: expected 1 to %u extents, but got %u"_msg, where, kMaxRank,
                    shape.rank);
    }
    const bool panels = constant.layout == schema::Layout::PANEL_16;
    uint64_t length = ElementSize(type);
    bool overflow = false;
    for (uint32_t d = 0; d < shape.rank; ++d) {
      uint64_t extent = shape[d].value();
      if (extent < 1 || extent > kMaxExtent) {
        return Refuse("%s: shape: expected extent %u to be 1 to %u, but got %llu"_msg, where, d,
                      kMaxExtent, extent);
      }
      if (panels && d == 0) extent = AlignUp(extent, format::kPanelRows);
      overflow |= __builtin_mul_overflow(length, extent, &length);
    }
    if (constant.layout > schema::Layout::MAX) {
      return Refuse("%s: layout: expected 0 (ROW_MAJOR) or 1 (PANEL_16), but got %u"_msg, where,
                    constant.layout);
    }
    if (!VerifyScales(constant, where)) return false;
    const bool quantized = constant.scales != schema::Scales::NONE;
    if (quantized) {
      const format::Scales scales = ToFormat(constant.scales);
      const unsigned bits = CodeBits(type);
      const uint32_t group = constant.group_size, n = shape[0].value(), k = shape[1].value();
      // Extents are below 2^31, so these stay below 2^63.
      length = panels ? format::PanelMatrixBytes(bits, scales, group, n, k)
                      : format::LayOutTable(bits, scales, group, n, k).size;
      overflow = false;
    }
    if (panels) {
      if (shape.rank != 2 || (type != ElementType::F32 && type != ElementType::F16 && !quantized)) {
        return Refuse(
            "%s: layout: expected an F32, F16 or quantized matrix in PANEL_16, but got %s of rank "
            "%u"_msg,
            where, Name(type), shape.rank);
      }
      if (type == ElementType::F16 && !VerifyIsSince(1, "F16 in PANEL_16")) return false;
    }
    if (constant.segment >= bundle_.segments.size()) {
      return Refuse("%s: segment: expected less than %u, but got %u"_msg, where,
                    bundle_.segments.size(), constant.segment);
    }
    const unpacked::Segment& segment = bundle_.segments[constant.segment];
    if (segment.kind != schema::SegmentKind::WEIGHTS) {
      return Refuse("%s: segment: expected one of kind WEIGHTS, but segment %u is %s"_msg, where,
                    constant.segment, schema::EnumNameSegmentKind(segment.kind));
    }
    if (overflow || constant.length != length) {
      return Refuse(
          "%s: length: expected %llu bytes for its type, shape and layout, but got %llu"_msg, where,
          overflow ? ~0ull : length, constant.length);
    }
    if (constant.offset % kDataAlignment != 0) {
      return Refuse("%s: offset: expected a multiple of %llu, but got %llu"_msg, where,
                    kDataAlignment, constant.offset);
    }
    if (constant.offset > segment.length || length > segment.length - constant.offset) {
      return Refuse(
          "%s: offset: expected its %llu bytes within the %llu of segment %u, but got offset %llu"_msg,
          where, length, segment.length, constant.segment, constant.offset);
    }
  }
  return true;
}

}  // namespace

gem_status_t VerifyBundle(const unpacked::Bundle& bundle, const Preamble& preamble,
                          std::span<const uint8_t> file, const SegmentHashes* hashes,
                          Memory* memory, gem_error_t* error) {
  uint64_t steps = 0;
  Verifier verifier(bundle, preamble, file, hashes, memory, &steps, error);
  if (verifier.VerifySegments() && verifier.VerifyModel() && verifier.VerifyProvenance() &&
      verifier.VerifyVariants() && verifier.VerifyText()) {
    return GEM_STATUS_OK;
  }
  return verifier.status();
}

}  // namespace gem
