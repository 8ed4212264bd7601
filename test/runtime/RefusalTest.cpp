// Every field of a program that can be wrong is refused, by name.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>
#include <string>

#include "gem/gem.h"
#include "runtime/schema/Preamble.h"
#include "test/runtime/Refusal.h"
#include "test/runtime/TinyModels.h"

namespace gem::test {
namespace {

using Gem = TinyGem;

schema::AttentionParamsT& Attention(BundleBuilder& b) {
  return *b.command(Gem::kAttention).params.AsAttentionParams();
}
schema::ScarAttentionParamsT& Scar(BundleBuilder& b) {
  return *b.command(Gem::kScar).params.AsScarAttentionParams();
}
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

void BreakAfterLayout(BundleBuilder& b, void (*change)(schema::BundleT&)) {
  b.after_layout = change;
}

const Refusal kRefusals[] = {
    // --- strings
    {"EmptyProducer", "producer: expected at least one byte",
     [](BundleBuilder& b) { b.bundle().producer = ""; }},
    {"ControlCharacterInArchitecture", "model: architecture: expected no control characters",
     [](BundleBuilder& b) { b.bundle().model->architecture = "\n"; }},
    {"ControlCharacterInName", "model: name: expected no control characters, but got 0x0a",
     [](BundleBuilder& b) { b.bundle().model->name = "a\nb"; }},
    {"NulInName", "model: name: expected no control characters, but got 0x00 at position 1",
     [](BundleBuilder& b) { b.bundle().model->name = std::string("a\0b", 3); }},
    {"LatinOneInLabel", "model: label 1: expected UTF-8, but got byte 0xe9 at position 3",
     [](BundleBuilder& b) { b.bundle().model->labels[1] = "caf\xe9"; }},
    {"OverlongUtf8", "model: label 0: expected UTF-8, but got byte 0xc0",
     [](BundleBuilder& b) { b.bundle().model->labels[0] = "\xc0\x80"; }},
    {"Surrogate", "model: label 0: expected UTF-8, but got byte 0xed",
     [](BundleBuilder& b) { b.bundle().model->labels[0] = "\xed\xa0\x80"; }},
    {"EmptyCommandNameIsFineButControlIsNot", "command 0|name: expected no control characters",
     [](BundleBuilder& b) { b.command(0).name = "\t"; }},

    // --- segments
    {"SegmentKindInvalid", "segment 0 ('weights'): kind: expected 1 (WEIGHTS)|but got 0",
     [](BundleBuilder& b) { b.bundle().segments[0]->kind = schema::SegmentKind::INVALID; }},
    {"SegmentKindUnknown", "segment 1 ('tokenizer'): kind|but got 9",
     [](BundleBuilder& b) { b.bundle().segments[1]->kind = static_cast<schema::SegmentKind>(9); }},
    {"SegmentHashAlgorithmNone", "segment 0 ('weights'): hash_algorithm: expected 1 (BLAKE3)",
     [](BundleBuilder& b) {
       b.bundle().segments[0]->hash_algorithm = schema::HashAlgorithm::NONE;
     }},
    {"SegmentHashAlgorithmUnknown", "hash_algorithm: expected 1 (BLAKE3), but got 7",
     [](BundleBuilder& b) {
       b.bundle().segments[0]->hash_algorithm = static_cast<schema::HashAlgorithm>(7);
     }},
    {"SegmentHashShort", "segment 0 ('weights'): hash: expected 32 bytes, but got 31",
     [](BundleBuilder& b) { b.bundle().segments[0]->hash.resize(31); }},
    {"SegmentNamesEqual", "segment names: expected unique names, but got 'weights' twice",
     [](BundleBuilder& b) { b.bundle().segments[1]->name = "weights"; }},
    {"SegmentOffsetUnaligned", "segment 0 ('weights'): offset: expected",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[0]->offset += 1; });
     }},
    {"SegmentOffsetLater", "segment 0 ('weights'): offset: expected",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[0]->offset += 64; });
     }},
    {"SegmentOffsetOverlapsProgram", "segment 0 ('weights'): offset: expected",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[0]->offset = 64; });
     }},
    {"SegmentOffsetHuge", "segment 0 ('weights'): offset: expected",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[0]->offset = ~0ull - 63; });
     }},
    {"SegmentsOverlap", "segment 1 ('tokenizer'): offset: expected",
     [](BundleBuilder& b) {
       BreakAfterLayout(b,
                        [](schema::BundleT& t) { t.segments[1]->offset = t.segments[0]->offset; });
     }},
    {"SegmentsOutOfOrder", "segment 0 ('weights'): offset: expected",
     [](BundleBuilder& b) {
       BreakAfterLayout(
           b, [](schema::BundleT& t) { std::swap(t.segments[0]->offset, t.segments[1]->offset); });
     }},
    {"SegmentLengthZero", "segment 1 ('tokenizer'): length: expected 1 to",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[1]->length = 0; });
     }},
    {"SegmentLengthPastTheEnd", "segment 1 ('tokenizer'): length: expected|101",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[1]->length = 101; });
     }},
    {"SegmentLengthHuge", "segment 1 ('tokenizer'): length: expected|18446744073709551615",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[1]->length = ~0ull; });
     }},
    {"TrailingBytes",
     "segments: expected the file's end at byte|after the last of them, but got it at byte",
     [](BundleBuilder& b) {
       BreakAfterLayout(b, [](schema::BundleT& t) { t.segments[1]->length = 99; });
     }},

    // --- provenance
    {"ProvenanceUnsorted", "provenance 1: key: expected unique keys in ascending order",
     [](BundleBuilder& b) { b.bundle().provenance[1]->key = "a"; }},
    {"ProvenanceTwice", "provenance 1: key: expected unique keys in ascending order",
     [](BundleBuilder& b) { b.bundle().provenance[1]->key = "recipe"; }},
    {"ProvenanceEmptyKey", "provenance 0: key: expected at least one byte",
     [](BundleBuilder& b) { b.bundle().provenance[0]->key = ""; }},
    {"ProvenanceControlInValue", "provenance 0: value: expected no control characters",
     [](BundleBuilder& b) { b.bundle().provenance[0]->value = "\x7f"; }},

    // --- variants
    {"NoVariants", "variants: expected at least one",
     [](BundleBuilder& b) { b.bundle().variants.clear(); }},
    {"EmptyDevice", "variant 0: name: expected at least one byte",
     [](BundleBuilder& b) { b.bundle().variants[0]->device = ""; }},
    {"RequiredFeature", "variant 0 (host): required_features: expected none|'sparse'|newer runtime",
     [](BundleBuilder& b) { b.bundle().variants[0]->required_features.push_back("sparse"); },
     GEM_STATUS_UNSUPPORTED},
    {"NoEntries", "variant 0 (host): entries: expected at least one",
     [](BundleBuilder& b) { b.program().entries.clear(); }},
    {"EmptyEntryName", "entry 0: name: expected at least one byte",
     [](BundleBuilder& b) { b.entry().name = ""; }},

    // --- symbols
    {"SymbolMinimumZero", "symbol 0 ('n'): minimum: expected 1 to its maximum 9, but got 0",
     [](BundleBuilder& b) { b.program().symbols[0]->minimum = 0; }},
    {"SymbolMinimumAboveMaximum",
     "symbol 0 ('n'): minimum: expected 1 to its maximum 9, but got 10",
     [](BundleBuilder& b) { b.program().symbols[0]->minimum = 10; }},
    {"SymbolMaximumHuge", "symbol 0 ('n'): maximum: expected at most 1048576, but got 1048577",
     [](BundleBuilder& b) { b.program().symbols[0]->maximum = 1048577; }},
    {"SymbolNamesEqual", "symbol names: expected unique names, but got 'n' twice",
     [](BundleBuilder& b) { b.AddSymbol("n", 1, 2); }},
    {"SymbolUnbound", "buffer 0: shape: expected symbols that an input binds|'n'",
     [](BundleBuilder& b) { b.entry().inputs.clear(); }},

    // --- constants
    {"ConstantTypeInvalid", "constant 0 ('embedding'): element_type: expected 1 (F32)|but got 0",
     [](BundleBuilder& b) {
       b.program().constants[0]->element_type = schema::ElementType::INVALID;
     }},
    {"ConstantTypeUnknown", "constant 0 ('embedding'): element_type|but got 200",
     [](BundleBuilder& b) {
       b.program().constants[0]->element_type = static_cast<schema::ElementType>(200);
     }},
    {"ConstantNoShape", "constant 0 ('embedding'): shape: expected 1 to 4 extents, but got 0",
     [](BundleBuilder& b) { b.program().constants[0]->shape.clear(); }},
    {"ConstantRankFive", "constant 0 ('embedding'): shape: expected 1 to 4 extents, but got 5",
     [](BundleBuilder& b) { b.program().constants[0]->shape = {1, 1, 1, 1, 1}; }},
    {"ConstantExtentZero", "constant 0 ('embedding'): shape: expected extent 1 to be 1 to",
     [](BundleBuilder& b) { b.program().constants[0]->shape[1] = 0; }},
    {"ConstantExtentHuge", "constant 0 ('embedding'): shape: expected extent 0|but got 2147483648",
     [](BundleBuilder& b) { b.program().constants[0]->shape[0] = 0x80000000; }},
    {"ConstantSizeOverflows", "constant 0 ('embedding'): length: expected",
     [](BundleBuilder& b) { b.program().constants[0]->shape = {0x40000000, 0x40000000, 16, 1}; }},
    {"ConstantLayoutUnknown", "constant 0 ('embedding'): layout: expected 0 (ROW_MAJOR)|but got 2",
     [](BundleBuilder& b) { b.program().constants[0]->layout = static_cast<schema::Layout>(2); }},
    {"ConstantPanelVector", "constant 2 ('gamma'): layout: expected an F32, F16|rank 1",
     [](BundleBuilder& b) { b.program().constants[2]->layout = schema::Layout::PANEL_16; }},
    {"ConstantPanelI8", "layout: expected an F32, F16 or quantized matrix in PANEL_16, but got I8",
     [](BundleBuilder& b) { b.program().constants[6]->element_type = schema::ElementType::I8; }},
    {"ConstantSegmentMissing", "constant 0 ('embedding'): segment: expected less than 2, but got 2",
     [](BundleBuilder& b) { b.program().constants[0]->segment = 2; }},
    {"ConstantInTokenizer", "constant 0 ('embedding'): segment: expected one of kind WEIGHTS",
     [](BundleBuilder& b) { b.program().constants[0]->segment = 1; }},
    {"ConstantLengthWrong", "constant 0 ('embedding'): length: expected 3552 bytes|but got 3548",
     [](BundleBuilder& b) { b.program().constants[0]->length -= 4; }},
    {"ConstantOffsetUnaligned", "constant 1 ('position'): offset: expected a multiple of 64",
     [](BundleBuilder& b) { b.program().constants[1]->offset += 4; }},
    {"ConstantPastTheSegment", "constant 0 ('embedding'): offset: expected its 3552 bytes within",
     [](BundleBuilder& b) { b.program().constants[0]->offset = 64 * 100000; }},
    {"ConstantOffsetHuge", "constant 0 ('embedding'): offset: expected its 3552 bytes within",
     [](BundleBuilder& b) { b.program().constants[0]->offset = ~0ull - 63; }},
    {"ConstantNamesEqual", "constant names: expected unique names, but got 'embedding' twice",
     [](BundleBuilder& b) { b.program().constants[1]->name = "embedding"; }},

    // --- buffers and arena
    {"BufferTypeInvalid", "entry 'main': buffer 1: element_type: expected 1 (F32), 5 (U8) or 7",
     [](BundleBuilder& b) { b.entry().buffers[1]->element_type = schema::ElementType::INVALID; }},
    {"BufferTypeF16", "buffer 1: element_type|but got 2",
     [](BundleBuilder& b) { b.entry().buffers[1]->element_type = schema::ElementType::F16; }},
    {"BufferNoShape", "buffer 1: shape: expected 1 to 4 extents, but got 0",
     [](BundleBuilder& b) { b.entry().buffers[1]->shape.clear(); }},
    {"BufferRankFive", "buffer 1: shape: expected 1 to 4 extents, but got 5",
     [](BundleBuilder& b) { b.entry().buffers[1]->shape.resize(5, Constant(1)); }},
    {"BufferExtentZero", "buffer 1: shape: expected extent 1 to be 1 to",
     [](BundleBuilder& b) { b.entry().buffers[1]->shape[1] = Constant(0); }},
    {"BufferExtentHuge", "buffer 1: shape: expected extent 1|but got 4294967295",
     [](BundleBuilder& b) { b.entry().buffers[1]->shape[1] = Constant(0xFFFFFFFF); }},
    {"BufferSymbolMissing", "buffer 1: shape: expected extent 0 to be one of 1 symbols",
     [](BundleBuilder& b) { b.entry().buffers[1]->shape[0] = Symbol(1); }},
    {"BufferDimKindUnknown", "buffer 1: shape: expected the kind of extent 0|but got 3",
     [](BundleBuilder& b) {
       b.entry().buffers[1]->shape[0] = schema::Dim(0, static_cast<schema::DimKind>(3));
     }},
    {"BufferOffsetUnaligned", "buffer 1: offset: expected a multiple of 64",
     [](BundleBuilder& b) { b.entry().buffers[1]->offset += 4; }},
    {"BufferPastTheArena", "buffer 12: offset: expected its 20 bytes within the arena",
     [](BundleBuilder& b) { b.entry().buffers[12]->offset += 64; }},
    {"BufferOffsetHuge", "buffer 1: offset: expected its 864 bytes within the arena",
     [](BundleBuilder& b) { b.entry().buffers[1]->offset = ~0ull - 63; }},
    {"BufferSizeOverflows", "buffer 1: offset: expected its 18446744073709551615 bytes within",
     [](BundleBuilder& b) {
       b.entry().buffers[1]->shape = {Constant(0x7FFFFFFF), Constant(0x7FFFFFFF),
                                      Constant(0x7FFFFFFF), Constant(1)};
     }},
    {"SymbolMaximumPastTheArena", "offset: expected its|within the arena",
     [](BundleBuilder& b) { b.program().symbols[0]->maximum = 1000; }},
    {"ArenaTooLarge", "arena_size: expected at most|the end of the last buffer",
     [](BundleBuilder& b) { b.entry().arena_size += 64; }},
    {"ArenaHuge", "arena_size: expected at most 68719476736 bytes",
     [](BundleBuilder& b) { b.entry().arena_size = (64ull << 30) + 1; }},
    {"ArenaTooSmall", "within the arena of 64",
     [](BundleBuilder& b) { b.entry().arena_size = 64; }},
    {"LowerBoundAboveArena", "arena_lower_bound: expected at most the arena's",
     [](BundleBuilder& b) { b.entry().arena_lower_bound = b.entry().arena_size + 1; }},

    // --- bindings
    {"InputBufferMissing", "input 0 ('ids'): buffer: expected less than 13, but got 13",
     [](BundleBuilder& b) { b.entry().inputs[0]->buffer = 13; }},
    {"OutputBufferMissing",
     "output 0 ('logits'): buffer: expected less than 13, but got 4294967295",
     [](BundleBuilder& b) { b.entry().outputs[0]->buffer = 0xFFFFFFFF; }},
    {"RoleUnknown", "input 0 ('ids'): role: expected 0 to 8, but got 9",
     [](BundleBuilder& b) { b.entry().inputs[0]->role = static_cast<schema::Role>(9); }},
    {"InputNamesEqual", "input names: expected unique names, but got 'ids' twice",
     [](BundleBuilder& b) {
       b.AddInput("ids", b.AddBuffer(schema::ElementType::F32, {Constant(1)}), schema::Role::NONE);
     }},
    {"OutputNamesEqual", "output names: expected unique names, but got 'logits' twice",
     [](BundleBuilder& b) { b.entry().outputs[1]->name = "logits"; }},
    {"EmptyOutputName", "output 1: name: expected at least one byte",
     [](BundleBuilder& b) { b.entry().outputs[1]->name = ""; }},
    {"NoOutputs", "outputs: expected at least one",
     [](BundleBuilder& b) { b.entry().outputs.clear(); }},
    {"InputsOverlap", "inputs: expected buffers that share no bytes, but got buffers 0 and 13",
     [](BundleBuilder& b) {
       const uint32_t buffer = b.AddBuffer(schema::ElementType::F32, {Constant(1)});
       b.entry().arena_size -= 64;
       b.entry().buffers[buffer]->offset = 0;
       b.AddInput("extra", buffer, schema::Role::NONE);
     }},
    {"InputsAreOneBuffer", "inputs: expected buffers that share no bytes, but got buffers 0 and 0",
     [](BundleBuilder& b) { b.AddInput("again", 0, schema::Role::NONE); }},
    {"TokenIdsOutput", "output 2 ('cluster'): role: expected an i32 [n] input for TOKEN_IDS",
     [](BundleBuilder& b) { b.entry().outputs[2]->role = schema::Role::TOKEN_IDS; }},
    {"LogitsInput", "input 0 ('ids'): role: expected an f32 [classes] output for LOGITS",
     [](BundleBuilder& b) { b.entry().inputs[0]->role = schema::Role::LOGITS; }},
    {"ActivationInput", "input 0 ('ids'): role: expected an output for ACTIVATION",
     [](BundleBuilder& b) { b.entry().inputs[0]->role = schema::Role::ACTIVATION; }},
    {"LogitsOfWrongType", "output 2 ('cluster'): role: expected an f32 [classes] output",
     [](BundleBuilder& b) { b.entry().outputs[2]->role = schema::Role::LOGITS; }},
    {"RoutedOfWrongType", "output 2 ('cluster'): role: expected a u8 [n] output for ROUTED",
     [](BundleBuilder& b) { b.entry().outputs[2]->role = schema::Role::ROUTED; }},
    {"ClusterOfWrongType", "output 1 ('routed'): role: expected an i32 [n] output for CLUSTER",
     [](BundleBuilder& b) { b.entry().outputs[1]->role = schema::Role::CLUSTER; }},
    {"HiddenStatesOfWrongRank", "output 0 ('logits'): role: expected an f32 [n, hidden] output",
     [](BundleBuilder& b) { b.entry().outputs[0]->role = schema::Role::HIDDEN_STATES; }},
    {"ClsOfManyRows", "output 3 ('hidden'): role: expected an f32 [1, hidden] output for CLS",
     [](BundleBuilder& b) { b.entry().outputs[3]->role = schema::Role::CLS; }},
    {"RoleTwice", "output 4 ('probs'): role: expected at most one HIDDEN_STATES",
     [](BundleBuilder& b) { b.entry().outputs[4]->role = schema::Role::HIDDEN_STATES; }},
    {"TokenIdsNegative", "input 0 ('ids'): minimum: expected at least 0 for TOKEN_IDS, but got -1",
     [](BundleBuilder& b) { b.entry().inputs[0]->minimum = -1; }},
    {"InputRangeEmpty", "input 0 ('ids'): minimum: expected at most the maximum 36, but got 37",
     [](BundleBuilder& b) { b.entry().inputs[0]->minimum = 37; }},
    {"OutputRange", "output 2 ('cluster'): minimum, maximum: expected 0",
     [](BundleBuilder& b) { b.entry().outputs[2]->maximum = 7; }},
    {"TokenCountOfWrongShape", "input 0 ('ids'): role: expected an i32 [1] input for TOKEN_COUNT",
     [](BundleBuilder& b) { b.entry().inputs[0]->role = schema::Role::TOKEN_COUNT; }},
    {"TokenCountAlone", "input 1 ('count'): role: expected an input with role TOKEN_IDS",
     [](BundleBuilder& b) { b.entry().inputs[0]->role = schema::Role::NONE; }, GEM_STATUS_CORRUPT,
     true},
    {"TokenCountZero", "input 1 ('count'): minimum: expected at least 1 for TOKEN_COUNT",
     [](BundleBuilder& b) { b.entry().inputs[1]->minimum = 0; }, GEM_STATUS_CORRUPT, true},
    {"TokenCountAboveTokens", "input 1 ('count'): maximum: expected at most the 9 tokens",
     [](BundleBuilder& b) { b.entry().inputs[1]->maximum = 10; }, GEM_STATUS_CORRUPT, true},
    {"LabelsMissing", "output 0 ('logits'): expected one logit for each of the model's 4 labels",
     [](BundleBuilder& b) { b.bundle().model->labels.pop_back(); }},
    {"OutputNeverWritten", "output 0 ('logits'): buffer: expected one that a command writes",
     [](BundleBuilder& b) { b.entry().submissions[0]->commands.pop_back(); }},
    {"OutputOverwritten", "output 3 ('hidden'): buffer: expected its value at the end|command 15",
     [](BundleBuilder& b) {
       b.entry().buffers[10]->offset = b.entry().buffers[1]->offset + 64;
       b.command(Gem::kAdd).inputs[1] = Buf(5);
     }},

    // --- text
    {"TokenizerSegmentMissing", "text: tokenizer_segment: expected less than the 2 segments",
     [](BundleBuilder& b) { b.bundle().text->tokenizer_segment = 2; }},
    {"TokenizerSegmentOfWeights", "text: tokenizer_segment: expected a segment of kind TOKENIZER",
     [](BundleBuilder& b) { b.bundle().text->tokenizer_segment = 0; }},
    {"MaximumTokensOne", "text: maximum_tokens: expected at least 2, but got 1",
     [](BundleBuilder& b) { b.bundle().text->maximum_tokens = 1; }},
    {"MaximumTokensAboveProgram", "text: maximum_tokens: expected at most 9|but got 10",
     [](BundleBuilder& b) { b.bundle().text->maximum_tokens = 10; }},
    {"PaddedWithSymbol", "text: padded: expected input 'ids'|constant length",
     [](BundleBuilder& b) { b.bundle().text->padded = true; }},
    {"PadIdOutOfRange", "text: pad_id: expected 0 to 36|but got 37",
     [](BundleBuilder& b) { b.bundle().text->pad_id = 37; }, GEM_STATUS_CORRUPT, true},
    {"PadIdHuge", "text: pad_id: expected 0 to 36|but got 4294967295",
     [](BundleBuilder& b) { b.bundle().text->pad_id = 0xFFFFFFFF; }, GEM_STATUS_CORRUPT, true},

    // --- submissions and commands
    {"DriverInvalid", "submission 0: driver: expected 1 (CPU), but got 0",
     [](BundleBuilder& b) { b.entry().submissions[0]->driver = schema::Driver::INVALID; },
     GEM_STATUS_UNSUPPORTED},
    {"DriverUnknown", "submission 0: driver: expected 1 (CPU), but got 4",
     [](BundleBuilder& b) { b.entry().submissions[0]->driver = static_cast<schema::Driver>(4); },
     GEM_STATUS_UNSUPPORTED},
    {"KernelInvalid", "command 0 (? embedding): kernel: expected 1 to 14|but got 0",
     [](BundleBuilder& b) { b.command(0).kernel = schema::Kernel::INVALID; },
     GEM_STATUS_UNSUPPORTED},
    {"KernelUnknown", "command 0 (? embedding): kernel: expected 1 to 14|but got 999",
     [](BundleBuilder& b) { b.command(0).kernel = static_cast<schema::Kernel>(999); },
     GEM_STATUS_UNSUPPORTED},
    {"ParamsOfAnotherKernel",
     "variant 0 (host): entry 'main': command 0 (EMBEDDING embedding): params: expected "
     "EmbeddingParams, but got union type 3",
     [](BundleBuilder& b) { b.command(0).params.Set(schema::AddParamsT{}); }},
    {"TooFewInputs", "command 0 (EMBEDDING embedding): inputs: expected 2 operands, but got 1",
     [](BundleBuilder& b) { b.command(0).inputs.pop_back(); }},
    {"TooManyInputs", "command 0 (EMBEDDING embedding): inputs: expected 2 operands, but got 3",
     [](BundleBuilder& b) { b.command(0).inputs.push_back(None()); }},
    {"NoOutput", "command 0 (EMBEDDING embedding): outputs: expected 1 operands, but got 0",
     [](BundleBuilder& b) { b.command(0).outputs.clear(); }},
    {"OperandKindUnknown", "input 0 (ids): kind: expected 1 (BUFFER), but got 3",
     [](BundleBuilder& b) {
       b.command(0).inputs[0] = schema::Operand(0, static_cast<schema::OperandKind>(3));
     }},
    {"RequiredOperandAbsent", "input 0 (ids): kind: expected 1 (BUFFER), but got 0",
     [](BundleBuilder& b) { b.command(0).inputs[0] = None(); }},
    {"ConstantWhereBufferIs", "input 0 (ids): kind: expected 1 (BUFFER), but got 2",
     [](BundleBuilder& b) { b.command(0).inputs[0] = Const(0); }},
    {"BufferWhereConstantIs", "input 1 (table): kind: expected 2 (CONSTANT), but got 1",
     [](BundleBuilder& b) { b.command(0).inputs[1] = Buf(1); }},
    {"OutputIsConstant", "output 0 (y): kind: expected 1 (BUFFER), but got 2",
     [](BundleBuilder& b) { b.command(0).outputs[0] = Const(0); }},
    {"OptionalBiasIsBuffer", "(LINEAR q): input 2 (bias): kind: expected 2 (CONSTANT) or 0 (NONE)",
     [](BundleBuilder& b) { b.command(Gem::kQuery).inputs[2] = Buf(1); }},
    {"AbsentOperandWithIndex", "(LINEAR q): input 3 (residual): index: expected 0 for NONE",
     [](BundleBuilder& b) {
       b.command(Gem::kQuery).inputs[3] = schema::Operand(1, schema::OperandKind::NONE);
     }},
    {"BufferIndex", "input 0 (ids): index: expected less than the 13 buffers, but got 13",
     [](BundleBuilder& b) { b.command(0).inputs[0] = Buf(13); }},
    {"ConstantIndex", "input 1 (table): index: expected less than the 25 constants, but got 25",
     [](BundleBuilder& b) { b.command(0).inputs[1] = Const(25); }},
    {"ElementType", "input 0 (ids): element type: expected I32, but got F32",
     [](BundleBuilder& b) { b.command(0).inputs[0] = Buf(1); }},
    {"ConstantElementType", "input 1 (gamma): element type: expected F32, but got I32",
     [](BundleBuilder& b) { b.program().constants[2]->element_type = schema::ElementType::I32; }},
    {"LayoutOfWeights", "(LINEAR q): input 1 (w): layout: expected PANEL_16, but got ROW_MAJOR",
     [](BundleBuilder& b) { b.command(Gem::kQuery).inputs[1] = Const(0); }},
    {"LayoutOfTable", "input 1 (table): layout: expected ROW_MAJOR, but got PANEL_16",
     [](BundleBuilder& b) { b.command(0).inputs[1] = Const(6); }},
    {"Rank", "command 2 (LAYER_NORM): input 1 (gamma): rank: expected 1, but got 2",
     [](BundleBuilder& b) { b.command(Gem::kLayerNorm).inputs[1] = Const(0); }},
    {"RankOfLogits", "(LINEAR q): output 0 (y): rank: expected 2, but got 1",
     [](BundleBuilder& b) { b.command(Gem::kQuery).outputs[0] = Buf(12); }},
    {"WidthDiffers",
     "command 0 (EMBEDDING embedding): output 0 (y): extent 1: expected 24, as input 1 (table) "
     "has, but got 40",
     [](BundleBuilder& b) { b.command(0).outputs[0] = Buf(6); }},
    {"RowsDiffer",
     "command 0 (EMBEDDING embedding): output 0 (y): extent 0: expected symbol 'n', as input 0 "
     "(ids) has, but got 1",
     [](BundleBuilder& b) { b.command(0).outputs[0] = Buf(11); }},
    {"InnerExtentDiffers", "(LINEAR down): input 1 (w): extent 1: expected 40|but got 24",
     [](BundleBuilder& b) { b.command(Gem::kDown).inputs[1] = b.command(Gem::kQuery).inputs[1]; }},
    {"BiasLength", "(LINEAR q): input 2 (bias): extent 0: expected 24|but got 5",
     [](BundleBuilder& b) {
       b.command(Gem::kQuery).inputs[2] = b.command(Gem::kClassify).inputs[2];
     }},
    {"ResidualShape", "(LINEAR q): input 3 (residual): extent 1: expected 24|but got 40",
     [](BundleBuilder& b) { b.command(Gem::kQuery).inputs[3] = Buf(6); }},
    {"SameSizeAnotherSymbol", "extent 0: expected symbol 'n'|but got symbol 'm'",
     [](BundleBuilder& b) {
       const uint32_t m = b.AddSymbol("m", 1, Gem::kMaxTokens);
       b.AddInput("other", b.AddBuffer(schema::ElementType::F32, {Symbol(m), Constant(24)}),
                  schema::Role::NONE);
       b.command(Gem::kAdd).inputs[1] = Buf(13);
     }},
    {"CountOfWrongShape", "(ATTENTION): input 3 (count): extent 0: expected 1, but got symbol 'n'",
     [](BundleBuilder& b) { b.command(Gem::kAttention).inputs[3] = Buf(0); }},

    // --- parameters
    {"PositionsTooFew", "(ADD_POSITION): input 1 (table): extent 0: expected at least the 9 rows",
     [](BundleBuilder& b) {
       b.program().constants[1]->shape[0] = 8;
       b.program().constants[1]->length = 8 * 24 * 4;
     }},
    {"LinearActivation", "(LINEAR q): activation: expected 0 (NONE), 1 (GELU) or 2 (TANH)|got 3",
     [](BundleBuilder& b) {
       b.command(Gem::kQuery).params.AsLinearParams()->activation =
           static_cast<schema::Activation>(3);
     }},
    {"ActivationNone", "(ACTIVATION): activation: expected 1 (GELU) or 2 (TANH), but got 0",
     [](BundleBuilder& b) {
       b.command(Gem::kTanh).params.AsActivationParams()->activation = schema::Activation::NONE;
     }},
    {"EpsilonNegative", "(LAYER_NORM): epsilon: expected a finite number of at least 0|-1",
     [](BundleBuilder& b) { b.command(Gem::kLayerNorm).params.AsLayerNormParams()->epsilon = -1; }},
    {"EpsilonNan", "(LAYER_NORM): epsilon: expected a finite number",
     [](BundleBuilder& b) {
       b.command(Gem::kLayerNorm).params.AsLayerNormParams()->epsilon = kNan;
     }},
    {"HeadDimZero", "(ATTENTION): head_dim: expected 1 to 1024, but got 0",
     [](BundleBuilder& b) { Attention(b).head_dim = 0; }},
    {"HeadDimHuge", "(ATTENTION): head_dim: expected 1 to 1024, but got 1025",
     [](BundleBuilder& b) { Attention(b).head_dim = 1025; }},
    {"HeadsZero", "(ATTENTION): num_heads: expected num_heads * head_dim (8)|got 0",
     [](BundleBuilder& b) { Attention(b).num_heads = 0; }},
    {"HeadsOverflow", "(ATTENTION): num_heads: expected num_heads * head_dim (8)",
     [](BundleBuilder& b) { Attention(b).num_heads = 0x20000003; }},
    {"ScaleNan", "(ATTENTION): scale: expected a finite number",
     [](BundleBuilder& b) { Attention(b).scale = kNan; }},
    {"ScaleInfinite", "(SCAR_ATTENTION scar): scale: expected a finite number",
     [](BundleBuilder& b) { Scar(b).scale = kInfinity; }},
    {"FirstQuery", "(ATTENTION): first_query: expected 0, since q and k have the same number",
     [](BundleBuilder& b) { Attention(b).first_query = 1; }},
    {"ScarFirstQueryOfConstant", "first_query: expected first_query + queries (up to 9) within",
     [](BundleBuilder& b) { Scar(b).first_query = 1; }, GEM_STATUS_CORRUPT, true},
    {"ScarFirstQueryWraps", "first_query: expected first_query + queries (up to 9) within",
     [](BundleBuilder& b) { Scar(b).first_query = 0xFFFFFFFF; }, GEM_STATUS_CORRUPT, true},
    {"Predicate", "(SCAR_ATTENTION scar): predicate: expected 0 (EITHER)|but got 3",
     [](BundleBuilder& b) { Scar(b).predicate = static_cast<schema::ScarPredicate>(3); }},
    {"Threshold", "(ROUTE_TOKENS router): threshold: expected a finite number",
     [](BundleBuilder& b) {
       b.command(Gem::kRoute).params.AsRouteTokensParams()->threshold = kNan;
     }},
    {"SelectedRow", "(SELECT_ROW): row: expected less than the 1 rows|but got 1",
     [](BundleBuilder& b) { b.command(Gem::kSelect).params.AsSelectRowParams()->row = 1; }},

    // --- memory
    {"OutputOverlapsInput", "(LINEAR q): output 0 (y): buffer: expected no byte of input 0 (x)",
     [](BundleBuilder& b) { b.command(Gem::kQuery).outputs[0] = Buf(1); }},
    {"OutputHalfOverlapsInput", "(LINEAR q): output 0 (y): buffer: expected no byte of input 0 (x)",
     [](BundleBuilder& b) { b.entry().buffers[2]->offset = b.entry().buffers[1]->offset + 64; }},
    {"InPlaceShifted", "(LAYER_NORM): output 0 (y): buffer: expected exactly the bytes, or none",
     [](BundleBuilder& b) {
       b.entry().buffers[2]->offset = b.entry().buffers[1]->offset + 64;
       b.command(Gem::kLayerNorm).outputs[0] = Buf(2);
     }},
    {"OutputsOverlap",
     "(ROUTE_TOKENS router): output 2 (cluster): buffer: expected no byte of output 1",
     [](BundleBuilder& b) { b.entry().buffers[9]->offset = b.entry().buffers[8]->offset; }},
    {"ReadBeforeWritten",
     "command 3 (LINEAR q): input 0 (x): buffer: expected one that was written",
     [](BundleBuilder& b) { b.command(Gem::kQuery).inputs[0] = Buf(5); }},
    {"ReadAfterOverwritten",
     "command 6 (ATTENTION): input 0 (q): buffer: expected its value, but command 4 has "
     "overwritten",
     [](BundleBuilder& b) { b.entry().buffers[3]->offset = b.entry().buffers[2]->offset; }},
};

class RefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(RefusalTest, IsRefusedByName) {
  TinyGem gem(GetParam().padded);
  ExpectRefusal(gem.builder, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Loader, RefusalTest, testing::ValuesIn(kRefusals),
                         [](const testing::TestParamInfo<Refusal>& info) {
                           return std::string(info.param.name);
                         });

// What the table changes is accepted unchanged.
TEST(RefusalTest, UnchangedProgramsLoad) {
  for (const bool padded : {false, true}) {
    TinyGem gem(padded);
    const AlignedBytes bytes(gem.builder.Build());
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    ASSERT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error),
              GEM_STATUS_OK)
        << error.message;
    gem_bundle_close(bundle);
  }
}

// A program that is not a FlatBuffer of the schema, however well it is hashed.
TEST(RefusalTest, MalformedFlatBuffers) {
  const Bytes programs[] = {
      Bytes(1, 0),
      Bytes(7, 0xFF),
      Bytes(8, 0),
      Bytes(64, 0),
      Bytes(4096, 0xFF),
      {8, 0, 0, 0, 'G', 'E', 'M', 'T', 4, 0, 4, 0, 4, 0, 0, 0},  // another identifier
      {8, 0, 0, 0, 'G', 'E', 'M', 'B', 4, 0, 4, 0, 4, 0, 0, 0},  // required fields missing
  };
  for (const Bytes& program : programs) {
    const AlignedBytes bytes(WrapProgram(program));
    gem_bundle_t* bundle = nullptr;
    gem_error_t error;
    EXPECT_EQ(gem_bundle_open_memory(bytes.data(), bytes.size(), nullptr, &bundle, &error),
              GEM_STATUS_CORRUPT);
    EXPECT_NE(std::string(error.message).find("program: expected a FlatBuffer 'GEMB'"),
              std::string::npos)
        << error.message;
  }
}

}  // namespace
}  // namespace gem::test
