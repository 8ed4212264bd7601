// Whether bytes are a FlatBuffer of the bundle schema.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/StructureVerifier.h"

namespace gem {
namespace {

using namespace schema;

enum Type : uint8_t {
  kBundle,
  kModel,
  kSegment,
  kVariant,
  kText,
  kKeyValue,
  kProgram,
  kSymbol,
  kConstant,
  kEntry,
  kBinding,
  kBuffer,
  kSubmission,
  kCommand,
  kParams,  // and the others of the union, in its order
  kTypes = kParams + static_cast<int>(KernelParams::MAX),
};

enum Kind : uint8_t {
  kByte,  // 1 << kind bytes
  kShort,
  kWord,
  kLong,
  kBytes,  // a vector of elements of 1 << (kind - kBytes) bytes
  kShorts,
  kWords,
  kPairs,  // of two words: Dim, Operand
  kString,
  kStrings,
  kTable,  // of the type `of`
  kTables,
  kUnion,  // whose type is the field before it
};

struct Field {
  uint8_t in;  // Type
  uint8_t place;
  Kind kind;
  bool required = false;
  uint8_t of = 0;
};

constexpr uint8_t Params(KernelParams params) {
  return static_cast<uint8_t>(kParams + static_cast<int>(params) - 1);
}
constexpr bool kRequired = true;

// Sorted by `in`. A field of the schema that is not here is not verified: the tests hold
// this against what flatc generates.
constexpr Field kFields[] = {
    {kBundle, Bundle::VT_PRODUCER, kString, kRequired},
    {kBundle, Bundle::VT_MODEL, kTable, kRequired, kModel},
    {kBundle, Bundle::VT_SEGMENTS, kTables, kRequired, kSegment},
    {kBundle, Bundle::VT_VARIANTS, kTables, kRequired, kVariant},
    {kBundle, Bundle::VT_TEXT, kTable, false, kText},
    {kBundle, Bundle::VT_PROVENANCE, kTables, false, kKeyValue},
    {kModel, Model::VT_NAME, kString, kRequired},
    {kModel, Model::VT_ARCHITECTURE, kString, kRequired},
    {kModel, Model::VT_PARAMETERS, kLong},
    {kModel, Model::VT_LABELS, kStrings},
    {kSegment, Segment::VT_NAME, kString, kRequired},
    {kSegment, Segment::VT_KIND, kByte},
    {kSegment, Segment::VT_OFFSET, kLong},
    {kSegment, Segment::VT_LENGTH, kLong},
    {kSegment, Segment::VT_HASH_ALGORITHM, kByte},
    {kSegment, Segment::VT_HASH, kBytes, kRequired},
    {kVariant, Variant::VT_DEVICE, kString, kRequired},
    {kVariant, Variant::VT_PROGRAM, kTable, kRequired, kProgram},
    {kVariant, Variant::VT_REQUIRED_FEATURES, kStrings},
    {kVariant, Variant::VT_MEMORY_LIMIT, kLong},
    {kVariant, Variant::VT_CPU_KERNELS, kString},
    {kText, Text::VT_TOKENIZER_SEGMENT, kWord},
    {kText, Text::VT_PADDED, kByte},
    {kText, Text::VT_MAXIMUM_TOKENS, kWord},
    {kText, Text::VT_PAD_ID, kWord},
    {kKeyValue, KeyValue::VT_KEY, kString, kRequired},
    {kKeyValue, KeyValue::VT_VALUE, kString, kRequired},
    {kProgram, Program::VT_SYMBOLS, kTables, kRequired, kSymbol},
    {kProgram, Program::VT_CONSTANTS, kTables, kRequired, kConstant},
    {kProgram, Program::VT_ENTRIES, kTables, kRequired, kEntry},
    {kSymbol, Symbol::VT_NAME, kString, kRequired},
    {kSymbol, Symbol::VT_MINIMUM, kWord},
    {kSymbol, Symbol::VT_MAXIMUM, kWord},
    {kConstant, Constant::VT_NAME, kString, kRequired},
    {kConstant, Constant::VT_ELEMENT_TYPE, kByte},
    {kConstant, Constant::VT_SHAPE, kWords, kRequired},
    {kConstant, Constant::VT_LAYOUT, kByte},
    {kConstant, Constant::VT_SEGMENT, kWord},
    {kConstant, Constant::VT_OFFSET, kLong},
    {kConstant, Constant::VT_LENGTH, kLong},
    {kConstant, Constant::VT_SCALES, kByte},
    {kConstant, Constant::VT_GROUP_SIZE, kWord},
    {kEntry, Entry::VT_NAME, kString, kRequired},
    {kEntry, Entry::VT_INPUTS, kTables, kRequired, kBinding},
    {kEntry, Entry::VT_OUTPUTS, kTables, kRequired, kBinding},
    {kEntry, Entry::VT_BUFFERS, kTables, kRequired, kBuffer},
    {kEntry, Entry::VT_SUBMISSIONS, kTables, kRequired, kSubmission},
    {kEntry, Entry::VT_ARENA_SIZE, kLong},
    {kEntry, Entry::VT_ARENA_LOWER_BOUND, kLong},
    {kBinding, Binding::VT_NAME, kString, kRequired},
    {kBinding, Binding::VT_BUFFER, kWord},
    {kBinding, Binding::VT_ROLE, kByte},
    {kBinding, Binding::VT_MINIMUM, kWord},
    {kBinding, Binding::VT_MAXIMUM, kWord},
    {kBuffer, Buffer::VT_ELEMENT_TYPE, kByte},
    {kBuffer, Buffer::VT_SHAPE, kPairs, kRequired},
    {kBuffer, Buffer::VT_OFFSET, kLong},
    {kSubmission, Submission::VT_DRIVER, kByte},
    {kSubmission, Submission::VT_COMMANDS, kTables, kRequired, kCommand},
    {kCommand, Command::VT_KERNEL, kShort},
    {kCommand, Command::VT_INPUTS, kPairs, kRequired},
    {kCommand, Command::VT_OUTPUTS, kPairs, kRequired},
    {kCommand, Command::VT_PARAMS_TYPE, kByte},
    {kCommand, Command::VT_PARAMS, kUnion, kRequired},
    {kCommand, Command::VT_NAME, kString},
    {Params(KernelParams::LinearParams), LinearParams::VT_ACTIVATION, kByte},
    {Params(KernelParams::LayerNormParams), LayerNormParams::VT_EPSILON, kWord},
    {Params(KernelParams::ActivationParams), ActivationParams::VT_ACTIVATION, kByte},
    {Params(KernelParams::AttentionParams), AttentionParams::VT_NUM_HEADS, kWord},
    {Params(KernelParams::AttentionParams), AttentionParams::VT_HEAD_DIM, kWord},
    {Params(KernelParams::AttentionParams), AttentionParams::VT_SCALE, kWord},
    {Params(KernelParams::AttentionParams), AttentionParams::VT_FIRST_QUERY, kWord},
    {Params(KernelParams::RouteTokensParams), RouteTokensParams::VT_THRESHOLD, kWord},
    {Params(KernelParams::ScarAttentionParams), ScarAttentionParams::VT_NUM_HEADS, kWord},
    {Params(KernelParams::ScarAttentionParams), ScarAttentionParams::VT_HEAD_DIM, kWord},
    {Params(KernelParams::ScarAttentionParams), ScarAttentionParams::VT_SCALE, kWord},
    {Params(KernelParams::ScarAttentionParams), ScarAttentionParams::VT_FIRST_QUERY, kWord},
    {Params(KernelParams::ScarAttentionParams), ScarAttentionParams::VT_PREDICATE, kByte},
    {Params(KernelParams::ScarAttentionParams), ScarAttentionParams::VT_CAUSAL, kByte},
    {Params(KernelParams::SelectRowParams), SelectRowParams::VT_ROW, kWord},
    {Params(KernelParams::LinearQuantizedParams), LinearQuantizedParams::VT_ACTIVATION, kByte},
    {Params(KernelParams::LayerNormQuantizedParams), LayerNormQuantizedParams::VT_EPSILON, kWord},
};
static_assert(sizeof(Dim) == 8 && sizeof(Operand) == 8, "kPairs");

// The fields of type t are [first[t], first[t + 1]).
struct FieldIndex {
  uint8_t first[kTypes + 1];
};
constexpr FieldIndex IndexFields() {
  FieldIndex index = {};
  for (unsigned type = 0, field = 0; type <= kTypes; ++type) {
    while (field < sizeof(kFields) / sizeof(kFields[0]) && kFields[field].in < type) ++field;
    index.first[type] = static_cast<uint8_t>(field);
  }
  return index;
}
constexpr FieldIndex kIndex = IndexFields();
static_assert(kIndex.first[kTypes] == sizeof(kFields) / sizeof(kFields[0]));

// As verifiers that flatc generates: every offset is checked before it is followed.
bool VerifyTable(flatbuffers::Verifier& verifier, const uint8_t* data, unsigned type) {
  const auto& table = *reinterpret_cast<const flatbuffers::Table*>(data);
  if (!table.VerifyTableStart(verifier)) return false;
  for (unsigned i = kIndex.first[type]; i < kIndex.first[type + 1]; ++i) {
    const Field& field = kFields[i];
    const flatbuffers::voffset_t at = table.GetOptionalFieldOffset(field.place);
    if (at == 0) {
      if (field.required) return false;
      continue;
    }
    if (field.kind <= kLong) {
      const size_t size = size_t{1} << field.kind;
      if (!verifier.VerifyFieldStruct(data, at, size, size)) return false;
      continue;
    }
    const flatbuffers::uoffset_t offset = verifier.VerifyOffset(data, at);
    if (offset == 0) return false;
    const uint8_t* const target = data + at + offset;
    bool valid = true;
    switch (field.kind) {
      case kString:
        valid = verifier.VerifyString(reinterpret_cast<const flatbuffers::String*>(target));
        break;
      case kTable:
        valid = VerifyTable(verifier, target, field.of);
        break;
      case kUnion: {
        // A member that this runtime does not know is refused later, by its kernel.
        const auto member = table.GetField<uint8_t>(kFields[i - 1].place, 0);
        if (member == 0 || member > static_cast<uint8_t>(KernelParams::MAX)) break;
        valid = VerifyTable(verifier, target, kParams + member - 1u);
        break;
      }
      case kStrings:
      case kTables: {
        using Offsets = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;
        const auto* const vector = reinterpret_cast<const Offsets*>(target);
        valid = verifier.VerifyVectorOrString(target, sizeof(flatbuffers::uoffset_t));
        for (flatbuffers::uoffset_t e = 0; valid && e < vector->size(); ++e) {
          const auto* const element = vector->Get(e);
          valid = field.kind == kStrings
                      ? verifier.VerifyString(element)
                      : VerifyTable(verifier, reinterpret_cast<const uint8_t*>(element), field.of);
        }
        break;
      }
      default:
        valid = verifier.VerifyVectorOrString(target, size_t{1} << (field.kind - kBytes));
    }
    if (!valid) return false;
  }
  return verifier.EndTable();
}

}  // namespace

bool VerifyStructure(flatbuffers::Verifier& verifier, const uint8_t* data, size_t size) {
  if (size < 2 * sizeof(flatbuffers::uoffset_t) || !BundleBufferHasIdentifier(data)) return false;
  const flatbuffers::uoffset_t root = verifier.VerifyOffset(0);
  return root != 0 && VerifyTable(verifier, data + root, kBundle);
}

}  // namespace gem
