// From a bundle's FlatBuffer to plain structs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/Unpacker.h"

#include <cstddef>
#include <cstring>
#include <iterator>
#include <type_traits>

#include "runtime/core/Status.h"

namespace gem {
namespace unpacked {
namespace {

constexpr unsigned kMaxDepth = 64;
constexpr unsigned kMaxTables = 1000000;
// Bytes of structs for a byte of FlatBuffer: about one for what gem-compile writes, more
// than this many only when one table stands in many places.
constexpr uint64_t kMostGrowth = 8;

// --- the schema --------------------------------------------------------------

// The tables, in their order in kFields.
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
  kTypes = kParams + static_cast<int>(schema::KernelParams::MAX),
};

// Of their structs; parameters are a part of their command.
constexpr uint8_t kSizes[kParams] = {
    sizeof(Bundle),   sizeof(Model),   sizeof(Segment),    sizeof(Variant),  sizeof(Text),
    sizeof(KeyValue), sizeof(Program), sizeof(Symbol),     sizeof(Constant), sizeof(Entry),
    sizeof(Binding),  sizeof(Buffer),  sizeof(Submission), sizeof(Command),
};

enum Kind : uint8_t {
  kByte,  // 1 << kind bytes
  kShort,
  kWord,
  kLong,
  kString,
  kStrings,
  kBytes,
  kExtents,   // a vector of words, to a Shape
  kDims,      // a vector of Dim, to a Shape
  kOperands,  // a vector of Operand, to a List
  kTable,     // of the type `of`, in place
  kOptional,  // the same, to a pointer
  kTables,    // to a List
  kUnion,     // whose type is the field before it
};

struct Field {
  uint8_t in;     // Type
  uint8_t place;  // in the vtable
  uint8_t to;     // in the struct
  Kind kind;
  bool required;
  uint8_t of;  // Type
};

// The kind of a scalar.
template <typename T>
constexpr Kind KindOf() {
  static_assert(std::is_enum_v<T> || std::is_arithmetic_v<T>);
  return sizeof(T) == 1 ? kByte : sizeof(T) == 2 ? kShort : sizeof(T) == 4 ? kWord : kLong;
}

constexpr bool kRequired = true;

// Each row names a field of a table as the schema and as the struct has it.
#define GEM_FIELD(table, VT, member, ...) \
  {k##table, schema::table::VT_##VT, offsetof(table, member), __VA_ARGS__}
#define GEM_SCALAR(table, VT, member) \
  GEM_FIELD(table, VT, member, KindOf<decltype(table::member)>(), false, 0)
#define GEM_PARAM(table, VT, member)                            \
  {kParams + static_cast<int>(schema::KernelParams::table) - 1, \
   schema::table::VT_##VT,                                      \
   offsetof(Params, member),                                    \
   KindOf<decltype(Params::member)>(),                          \
   false,                                                       \
   0}

constexpr Field kFields[] = {
    GEM_FIELD(Bundle, PRODUCER, producer, kString, kRequired, 0),
    GEM_FIELD(Bundle, MODEL, model, kTable, kRequired, kModel),
    GEM_FIELD(Bundle, SEGMENTS, segments, kTables, kRequired, kSegment),
    GEM_FIELD(Bundle, VARIANTS, variants, kTables, kRequired, kVariant),
    GEM_FIELD(Bundle, TEXT, text, kOptional, false, kText),
    GEM_FIELD(Bundle, PROVENANCE, provenance, kTables, false, kKeyValue),
    GEM_FIELD(Model, NAME, name, kString, kRequired, 0),
    GEM_FIELD(Model, ARCHITECTURE, architecture, kString, kRequired, 0),
    GEM_SCALAR(Model, PARAMETERS, parameters),
    GEM_FIELD(Model, LABELS, labels, kStrings, false, 0),
    GEM_FIELD(Segment, NAME, name, kString, kRequired, 0),
    GEM_SCALAR(Segment, KIND, kind),
    GEM_SCALAR(Segment, OFFSET, offset),
    GEM_SCALAR(Segment, LENGTH, length),
    GEM_SCALAR(Segment, HASH_ALGORITHM, hash_algorithm),
    GEM_FIELD(Segment, HASH, hash, kBytes, kRequired, 0),
    GEM_FIELD(Variant, DEVICE, device, kString, kRequired, 0),
    GEM_FIELD(Variant, PROGRAM, program, kTable, kRequired, kProgram),
    GEM_FIELD(Variant, REQUIRED_FEATURES, required_features, kStrings, false, 0),
    GEM_SCALAR(Variant, MEMORY_LIMIT, memory_limit),
    GEM_FIELD(Variant, CPU_KERNELS, cpu_kernels, kString, false, 0),
    GEM_SCALAR(Text, TOKENIZER_SEGMENT, tokenizer_segment),
    GEM_SCALAR(Text, PADDED, padded),
    GEM_SCALAR(Text, MAXIMUM_TOKENS, maximum_tokens),
    GEM_SCALAR(Text, PAD_ID, pad_id),
    GEM_FIELD(KeyValue, KEY, key, kString, kRequired, 0),
    GEM_FIELD(KeyValue, VALUE, value, kString, kRequired, 0),
    GEM_FIELD(Program, SYMBOLS, symbols, kTables, kRequired, kSymbol),
    GEM_FIELD(Program, CONSTANTS, constants, kTables, kRequired, kConstant),
    GEM_FIELD(Program, ENTRIES, entries, kTables, kRequired, kEntry),
    GEM_FIELD(Symbol, NAME, name, kString, kRequired, 0),
    GEM_SCALAR(Symbol, MINIMUM, minimum),
    GEM_SCALAR(Symbol, MAXIMUM, maximum),
    GEM_FIELD(Constant, NAME, name, kString, kRequired, 0),
    GEM_SCALAR(Constant, ELEMENT_TYPE, element_type),
    GEM_FIELD(Constant, SHAPE, shape, kExtents, kRequired, 0),
    GEM_SCALAR(Constant, LAYOUT, layout),
    GEM_SCALAR(Constant, SEGMENT, segment),
    GEM_SCALAR(Constant, OFFSET, offset),
    GEM_SCALAR(Constant, LENGTH, length),
    GEM_SCALAR(Constant, SCALES, scales),
    GEM_SCALAR(Constant, GROUP_SIZE, group_size),
    GEM_FIELD(Entry, NAME, name, kString, kRequired, 0),
    GEM_FIELD(Entry, INPUTS, inputs, kTables, kRequired, kBinding),
    GEM_FIELD(Entry, OUTPUTS, outputs, kTables, kRequired, kBinding),
    GEM_FIELD(Entry, BUFFERS, buffers, kTables, kRequired, kBuffer),
    GEM_FIELD(Entry, SUBMISSIONS, submissions, kTables, kRequired, kSubmission),
    GEM_SCALAR(Entry, ARENA_SIZE, arena_size),
    GEM_SCALAR(Entry, ARENA_LOWER_BOUND, arena_lower_bound),
    GEM_FIELD(Binding, NAME, name, kString, kRequired, 0),
    GEM_SCALAR(Binding, BUFFER, buffer),
    GEM_SCALAR(Binding, ROLE, role),
    GEM_SCALAR(Binding, MINIMUM, minimum),
    GEM_SCALAR(Binding, MAXIMUM, maximum),
    GEM_SCALAR(Buffer, ELEMENT_TYPE, element_type),
    GEM_FIELD(Buffer, SHAPE, shape, kDims, kRequired, 0),
    GEM_SCALAR(Buffer, OFFSET, offset),
    GEM_SCALAR(Submission, DRIVER, driver),
    GEM_FIELD(Submission, COMMANDS, commands, kTables, kRequired, kCommand),
    GEM_SCALAR(Command, KERNEL, kernel),
    GEM_FIELD(Command, INPUTS, inputs, kOperands, kRequired, 0),
    GEM_FIELD(Command, OUTPUTS, outputs, kOperands, kRequired, 0),
    GEM_SCALAR(Command, PARAMS_TYPE, params_type),
    GEM_FIELD(Command, PARAMS, params, kUnion, kRequired, 0),
    GEM_FIELD(Command, NAME, name, kString, false, 0),
    GEM_PARAM(LinearParams, ACTIVATION, activation),
    GEM_PARAM(LayerNormParams, EPSILON, epsilon),
    GEM_PARAM(ActivationParams, ACTIVATION, activation),
    GEM_PARAM(AttentionParams, NUM_HEADS, num_heads),
    GEM_PARAM(AttentionParams, HEAD_DIM, head_dim),
    GEM_PARAM(AttentionParams, SCALE, scale),
    GEM_PARAM(AttentionParams, FIRST_QUERY, first_query),
    GEM_PARAM(RouteTokensParams, THRESHOLD, threshold),
    GEM_PARAM(ScarAttentionParams, NUM_HEADS, num_heads),
    GEM_PARAM(ScarAttentionParams, HEAD_DIM, head_dim),
    GEM_PARAM(ScarAttentionParams, SCALE, scale),
    GEM_PARAM(ScarAttentionParams, FIRST_QUERY, first_query),
    GEM_PARAM(ScarAttentionParams, PREDICATE, predicate),
    GEM_PARAM(ScarAttentionParams, CAUSAL, causal),
    GEM_PARAM(SelectRowParams, ROW, row),
    GEM_PARAM(LinearQuantizedParams, ACTIVATION, activation),
    GEM_PARAM(LayerNormQuantizedParams, EPSILON, epsilon),
};
#undef GEM_FIELD
#undef GEM_SCALAR
#undef GEM_PARAM

// The rows of a type are first[type] to first[type + 1].
struct FieldIndex {
  uint8_t first[kTypes + 1];
};
constexpr FieldIndex IndexFields() {
  FieldIndex index = {};
  for (unsigned type = 0, field = 0; type <= kTypes; ++type) {
    while (field < std::size(kFields) && kFields[field].in < type) ++field;
    index.first[type] = static_cast<uint8_t>(field);
  }
  return index;
}
constexpr FieldIndex kIndex = IndexFields();
// Each field is of a type that comes after those of the fields before it.
static_assert(kIndex.first[kTypes] == std::size(kFields));

}  // namespace

// --- the walk ----------------------------------------------------------------

// Walks over a FlatBuffer twice: once to count what the structs take, once to fill them.
class Unpacker {
 public:
  Unpacker(const uint8_t* data, size_t size, uint8_t* memory)
      : data_(data), size_(size), memory_(memory), verifier_(data, size, kMaxDepth, kMaxTables) {}

  bool Run() {
    if (size_ < 2 * sizeof(flatbuffers::uoffset_t) || !schema::BundleBufferHasIdentifier(data_)) {
      return false;
    }
    const flatbuffers::uoffset_t root = verifier_.VerifyOffset(0);
    if (root == 0) return false;
    uint8_t* const to = Take(sizeof(Bundle));
    return Table(data_ + root, kBundle, to);
  }
  uint64_t used() const { return used_; }

 private:
  // Null while counting.
  uint8_t* Take(uint64_t size) {
    uint8_t* const place = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += size;
    return place;
  }
  void Put(const void* value, size_t size, uint8_t* to) {
    if (memory_ != nullptr) memcpy(to, value, size);
  }
  void PutList(const void* elements, uint32_t size, uint8_t* to) {
    List<uint8_t> list;
    list.data_ = static_cast<const uint8_t*>(elements);
    list.size_ = size;
    Put(&list, sizeof(list), to);
  }

  bool Table(const uint8_t* data, unsigned type, uint8_t* to);
  bool Reference(const Field& field, const uint8_t* target, unsigned member, uint8_t* to);

  const uint8_t* data_;
  size_t size_;
  uint8_t* memory_;
  uint64_t used_ = 0;
  flatbuffers::Verifier verifier_;
};

// Bounds and alignment of everything that is read below have been verified before.
bool Unpacker::Table(const uint8_t* data, unsigned type, uint8_t* to) {
  const auto& table = *reinterpret_cast<const flatbuffers::Table*>(data);
  if (!table.VerifyTableStart(verifier_)) return false;
  unsigned member = 0;  // of a union: the byte before it
  for (unsigned i = kIndex.first[type]; i < kIndex.first[type + 1]; ++i) {
    const Field& field = kFields[i];
    const flatbuffers::voffset_t at = table.GetOptionalFieldOffset(field.place);
    if (at == 0) {
      if (field.required) return false;
      member = 0;
      continue;
    }
    uint8_t* const place = memory_ == nullptr ? nullptr : to + field.to;
    if (field.kind <= kLong) {
      const size_t size = size_t{1} << field.kind;
      if (!verifier_.VerifyFieldStruct(data, at, size, size)) return false;
      Put(data + at, size, place);
      member = data[at];
      continue;
    }
    const flatbuffers::uoffset_t offset = verifier_.VerifyOffset(data, at);
    if (offset == 0 || !Reference(field, data + at + offset, member, place)) return false;
  }
  return verifier_.EndTable();
}

bool Unpacker::Reference(const Field& field, const uint8_t* target, unsigned member, uint8_t* to) {
  switch (field.kind) {
    case kTable:
      return Table(target, field.of, to);
    case kUnion:
      // A member that this runtime does not know is refused later, by its kernel.
      if (member == 0 || member > static_cast<unsigned>(schema::KernelParams::MAX)) return true;
      return Table(target, kParams + member - 1, to);
    case kOptional: {
      uint8_t* const place = Take(kSizes[field.of]);
      Put(&place, sizeof(place), to);
      return Table(target, field.of, place);
    }
    case kString:
      Put(&target, sizeof(target), to);
      return verifier_.VerifyString(reinterpret_cast<const String*>(target));
    default:
      break;
  }
  const size_t element_size = field.kind == kBytes                             ? 1
                              : field.kind == kDims || field.kind == kOperands ? 8
                                                                               : 4;
  static_assert(sizeof(schema::Dim) == 8 && sizeof(schema::Operand) == 8);
  if (!verifier_.VerifyVectorOrString(target, element_size)) return false;
  const auto size = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(target);
  const uint8_t* const elements = target + sizeof(size);
  switch (field.kind) {
    case kOperands:
      PutList(elements, size, to);
      return true;
    case kExtents:
    case kDims: {
      Shape shape = {};
      shape.rank = size;
      for (uint32_t d = 0; d < size && d < kMaxRank; ++d) {
        memcpy(&shape.dims[d], elements + d * element_size, element_size);
      }
      Put(&shape, sizeof(shape), to);
      return true;
    }
    case kTables: {
      uint8_t* place = Take(uint64_t{size} * kSizes[field.of]);
      PutList(place, size, to);
      for (uint32_t i = 0; i < size; ++i) {
        const uint8_t* const element = elements + i * sizeof(flatbuffers::uoffset_t);
        if (!Table(element + flatbuffers::ReadScalar<flatbuffers::uoffset_t>(element), field.of,
                   place)) {
          return false;
        }
        if (memory_ != nullptr) place += kSizes[field.of];
      }
      return true;
    }
    case kStrings:
      for (uint32_t i = 0; i < size; ++i) {
        if (!verifier_.VerifyString(reinterpret_cast<const Strings*>(target)->Get(i))) return false;
      }
      [[fallthrough]];
    default:
      Put(&target, sizeof(target), to);
      return true;
  }
}

}  // namespace unpacked

gem_status_t Unpack(const uint8_t* data, size_t size, Memory* memory, Array<uint8_t>* out,
                    const unpacked::Bundle** out_bundle, gem_error_t* error) {
  unpacked::Unpacker count(data, size, nullptr);
  if (!count.Run()) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "program: expected a FlatBuffer 'GEMB' of the bundle schema, but its structure is "
                "not valid"_msg);
  }
  const uint64_t limit = unpacked::kMostGrowth * size;
  if (count.used() > limit) {
    return Fail(error, GEM_STATUS_CORRUPT,
                "program: expected tables of at most %llu bytes, but it shares so many that they "
                "take %llu"_msg,
                limit, count.used());
  }
  if (!out->Allocate(memory, static_cast<size_t>(count.used()), alignof(unpacked::Bundle))) {
    return Fail(error, GEM_STATUS_OUT_OF_MEMORY, "no memory for %llu bytes of tables"_msg,
                count.used());
  }
  unpacked::Unpacker fill(data, size, out->data());
  fill.Run();
  *out_bundle = reinterpret_cast<const unpacked::Bundle*>(out->data());
  return GEM_STATUS_OK;
}

}  // namespace gem
