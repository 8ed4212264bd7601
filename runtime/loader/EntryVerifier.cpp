// The semantic verifier: an entry's buffers, bindings and commands.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/EntryVerifier.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/loader/Verifier.h"
#include "runtime/schema/Preamble.h"

namespace gem {

using schema::DimKind;
using schema::ElementType;
using schema::OperandKind;
using schema::Role;

bool EntryVerifier::Verify() {
  if (!VerifyBuffers()) return false;
  if (!VerifyBindings(entry_->inputs, true)) return false;
  if (entry_->outputs.size() == 0)
    return Refuse("outputs: expected at least one, but got none"_msg);
  if (!VerifyBindings(entry_->outputs, false)) return false;
  if (!VerifyInputsDisjoint() || !VerifySymbolsAreBound()) return false;

  for (const unpacked::Binding& input : entry_->inputs) {
    buffers_[input.buffer].state = BufferState::kValid;
  }
  command_index_ = 0;
  const auto& submissions = entry_->submissions;
  for (uint32_t i = 0; i < submissions.size(); ++i) {
    const unpacked::Submission& submission = submissions[i];
    if (submission.driver != schema::Driver::CPU) {
      return RefuseAs(GEM_STATUS_UNSUPPORTED,
                      "submission %u: driver: expected 1 (CPU), but got %u"_msg, i,
                      submission.driver);
    }
    if (submission.commands.size() > kMaxCommands - command_index_) {
      return Refuse("submission %u: commands: expected at most %u in an entry, but got more"_msg, i,
                    kMaxCommands);
    }
    for (const unpacked::Command& command : submission.commands) {
      command_ = &command;
      if (!VerifyCommand()) return false;
      command_ = nullptr;
      ++command_index_;
    }
  }
  return VerifyOutputs();
}

bool EntryVerifier::VerifyBuffers() {
  const auto& buffers = entry_->buffers;
  if (buffers.size() > kMaxBuffers) {
    return Refuse("buffers: expected at most %u, but got %u"_msg, kMaxBuffers, buffers.size());
  }
  if (entry_->arena_size > kMaxArenaSize) {
    return Refuse("arena_size: expected at most %llu bytes, but got %llu"_msg, kMaxArenaSize,
                  entry_->arena_size);
  }
  if (!buffers_.Allocate(memory_, buffers.size())) return OutOfMemory();
  uint64_t last = 0;
  for (uint32_t i = 0; i < buffers.size(); ++i) {
    const unpacked::Buffer& buffer = buffers[i];
    const ElementType type = buffer.element_type;
    if (type != ElementType::F32 && type != ElementType::U8 && type != ElementType::I32) {
      return Refuse("buffer %u: element_type: expected 1 (F32), 5 (U8) or 7 (I32), but got %u"_msg,
                    i, type);
    }
    const unpacked::Shape& shape = buffer.shape;
    if (shape.rank < 1 || shape.rank > kMaxRank) {
      return Refuse("buffer %u: shape: expected 1 to %u extents, but got %u"_msg, i, kMaxRank,
                    shape.rank);
    }
    uint64_t bytes = ElementSize(type);
    bool overflow = false;
    for (uint32_t d = 0; d < shape.rank; ++d) {
      const schema::Dim& dim = shape[d];
      if (dim.kind() == DimKind::SYMBOL) {
        if (dim.value() >= program_->symbols.size()) {
          return Refuse(
              "buffer %u: shape: expected extent %u to be one of %u symbols, but got "
              "symbol %u"_msg,
              i, d, program_->symbols.size(), dim.value());
        }
      } else if (dim.kind() != DimKind::CONSTANT) {
        return Refuse(
            "buffer %u: shape: expected the kind of extent %u to be 0 (CONSTANT) or 1 "
            "(SYMBOL), but got %u"_msg,
            i, d, dim.kind());
      } else if (dim.value() < 1 || dim.value() > kMaxExtent) {
        return Refuse("buffer %u: shape: expected extent %u to be 1 to %u, but got %u"_msg, i, d,
                      kMaxExtent, dim.value());
      }
      overflow |= __builtin_mul_overflow(bytes, uint64_t{program_->Maximum(dim)}, &bytes);
    }
    if (buffer.offset % kDataAlignment != 0) {
      return Refuse("buffer %u: offset: expected a multiple of %llu, but got %llu"_msg, i,
                    kDataAlignment, buffer.offset);
    }
    if (overflow || buffer.offset > entry_->arena_size ||
        bytes > entry_->arena_size - buffer.offset) {
      return Refuse(
          "buffer %u: offset: expected its %llu bytes within the arena of %llu, but got "
          "offset %llu"_msg,
          i, overflow ? ~0ull : bytes, entry_->arena_size, buffer.offset);
    }
    buffers_[i] = {buffer.offset, buffer.offset + bytes, BufferState::kNever};
    last = std::max(last, buffers_[i].end);
  }
  if (entry_->arena_size > AlignUp(last, kDataAlignment)) {
    return Refuse("arena_size: expected at most %llu, the end of the last buffer, but got %llu"_msg,
                  AlignUp(last, kDataAlignment), entry_->arena_size);
  }
  if (entry_->arena_lower_bound > entry_->arena_size) {
    return Refuse("arena_lower_bound: expected at most the arena's %llu bytes, but got %llu"_msg,
                  entry_->arena_size, entry_->arena_lower_bound);
  }
  return true;
}

// --- bindings ----------------------------------------------------------------

bool EntryVerifier::VerifyBindings(const unpacked::List<unpacked::Binding>& bindings, bool inputs) {
  const char* side = inputs ? "input" : "output";
  if (bindings.size() > kMaxBuffers) {
    return Refuse("%ss: expected at most %u, but got %u"_msg, side, kMaxBuffers, bindings.size());
  }
  if (!VerifyUniqueNames(bindings, &unpacked::Binding::name, side)) return false;
  uint32_t roles_seen = 0;
  for (uint32_t i = 0; i < bindings.size(); ++i) {
    const unpacked::Binding& binding = bindings[i];
    char where[80];
    snprintf(where, sizeof(where), "%s %u ('%.48s')", side, i, binding.name->c_str());
    if (binding.buffer >= entry_->buffers.size()) {
      return Refuse("%s: buffer: expected less than %u, but got %u"_msg, where,
                    entry_->buffers.size(), binding.buffer);
    }
    if (binding.role > Role::MAX) {
      return Refuse("%s: role: expected 0 to %u, but got %u"_msg, where, Role::MAX, binding.role);
    }
    const unpacked::Buffer& buffer = entry_->buffers[binding.buffer];
    if (!VerifyRole(binding, buffer, inputs, where)) return false;
    if (binding.role != Role::NONE && binding.role != Role::ACTIVATION) {
      const uint32_t bit = 1u << static_cast<unsigned>(binding.role);
      if (roles_seen & bit) {
        return Refuse("%s: role: expected at most one %s, but got a second"_msg, where,
                      schema::EnumNameRole(binding.role));
      }
      roles_seen |= bit;
    }
    if (inputs && buffer.element_type == ElementType::I32) {
      if (binding.minimum > binding.maximum) {
        return Refuse("%s: minimum: expected at most the maximum %d, but got %d"_msg, where,
                      binding.maximum, binding.minimum);
      }
    } else if (binding.minimum != 0 || binding.maximum != 0) {
      return Refuse(
          "%s: minimum, maximum: expected 0, since only i32 inputs have a "
          "range, but got %d, %d"_msg,
          where, binding.minimum, binding.maximum);
    }
  }
  return true;
}

bool EntryVerifier::VerifyRole(const unpacked::Binding& binding, const unpacked::Buffer& buffer,
                               bool inputs, const char* where) {
  struct Rule {
    Role role;
    bool input, output;
    ElementType type;  // INVALID: any
    uint32_t rank;
    const char* text;
  };
  static constexpr Rule kRules[] = {
      {Role::NONE, true, true, ElementType::INVALID, 0, ""},
      {Role::TOKEN_IDS, true, false, ElementType::I32, 1, "an i32 [n] input"},
      {Role::TOKEN_COUNT, true, false, ElementType::I32, 1, "an i32 [1] input"},
      {Role::LOGITS, false, true, ElementType::F32, 1, "an f32 [classes] output"},
      {Role::ROUTED, false, true, ElementType::U8, 1, "a u8 [n] output"},
      {Role::CLUSTER, false, true, ElementType::I32, 1, "an i32 [n] output"},
      {Role::HIDDEN_STATES, false, true, ElementType::F32, 2, "an f32 [n, hidden] output"},
      {Role::CLS, false, true, ElementType::F32, 2, "an f32 [1, hidden] output"},
      {Role::ACTIVATION, false, true, ElementType::INVALID, 0, "an output"},
  };
  const Rule& rule = kRules[static_cast<unsigned>(binding.role)];
  const char* side = inputs ? "input" : "output";
  const unpacked::Shape& shape = buffer.shape;
  const schema::Dim& first = shape[0];
  const auto is_constant = [](const schema::Dim& dim) { return dim.kind() == DimKind::CONSTANT; };
  bool ok = (inputs ? rule.input : rule.output) &&
            (rule.type == ElementType::INVALID || rule.type == buffer.element_type) &&
            (rule.rank == 0 || rule.rank == shape.rank);
  if (ok && binding.role == Role::LOGITS) ok = is_constant(first);
  if (ok && (binding.role == Role::TOKEN_COUNT || binding.role == Role::CLS)) {
    ok = is_constant(first) && first.value() == 1;
  }
  if (!ok) {
    return Refuse("%s: role: expected %s for %s, but got an %s %s of rank %u"_msg, where, rule.text,
                  schema::EnumNameRole(binding.role), Name(buffer.element_type), side, shape.rank);
  }
  switch (binding.role) {
    case Role::TOKEN_IDS:
      if (binding.minimum < 0) {
        return Refuse("%s: minimum: expected at least 0 for TOKEN_IDS, but got %d"_msg, where,
                      binding.minimum);
      }
      break;
    case Role::TOKEN_COUNT: {
      const schema::Dim* tokens = nullptr;
      for (const unpacked::Binding& other : entry_->inputs) {
        // Indices and types of the inputs after this one are not checked yet.
        if (other.role == Role::TOKEN_IDS && other.buffer < entry_->buffers.size()) {
          tokens = &entry_->buffers[other.buffer].shape[0];
        }
      }
      if (tokens == nullptr) {
        return Refuse(
            "%s: role: expected an input with role TOKEN_IDS beside "
            "TOKEN_COUNT, but got none"_msg,
            where);
      }
      if (binding.minimum < 1) {
        return Refuse("%s: minimum: expected at least 1 for TOKEN_COUNT, but got %d"_msg, where,
                      binding.minimum);
      }
      if (binding.maximum > 0 &&
          static_cast<uint32_t>(binding.maximum) > program_->Maximum(*tokens)) {
        return Refuse("%s: maximum: expected at most the %u tokens, but got %d"_msg, where,
                      program_->Maximum(*tokens), binding.maximum);
      }
      break;
    }
    case Role::LOGITS:
      if (SizeOf(bundle_.model.labels) != 0 && bundle_.model.labels->size() != first.value()) {
        return Refuse(
            "%s: expected one logit for each of the model's %u labels, but "
            "got %u"_msg,
            where, bundle_.model.labels->size(), first.value());
      }
      break;
    default:
      break;
  }
  return true;
}

bool EntryVerifier::VerifyInputsDisjoint() {
  const auto& inputs = entry_->inputs;
  Array<const void*> order;
  if (!order.Allocate(memory_, inputs.size())) return OutOfMemory();
  for (uint32_t i = 0; i < inputs.size(); ++i) order[i] = &buffers_[inputs[i].buffer];
  Sort(&order, [](const void* a, const void* b) {
    const auto* left = static_cast<const BufferState*>(a);
    const auto* right = static_cast<const BufferState*>(b);
    return left->begin != right->begin ? left->begin < right->begin : left < right;
  });
  for (uint32_t i = 1; i < inputs.size(); ++i) {
    const auto* previous = static_cast<const BufferState*>(order[i - 1]);
    const auto* buffer = static_cast<const BufferState*>(order[i]);
    if (buffer->begin < previous->end) {
      return Refuse("inputs: expected buffers that share no bytes, but got buffers %td and %td"_msg,
                    previous - buffers_.data(), buffer - buffers_.data());
    }
  }
  return true;
}

bool EntryVerifier::VerifySymbolsAreBound() {
  const uint32_t count = program_->symbols.size();
  if (!Spend(count)) return false;
  Array<bool> bound;
  if (!bound.Allocate(memory_, count)) return OutOfMemory();
  for (const unpacked::Binding& input : entry_->inputs) {
    const unpacked::Shape& shape = entry_->buffers[input.buffer].shape;
    for (uint32_t d = 0; d < shape.rank; ++d) {
      if (shape[d].kind() == DimKind::SYMBOL) bound[shape[d].value()] = true;
    }
  }
  for (uint32_t i = 0; i < entry_->buffers.size(); ++i) {
    const unpacked::Shape& shape = entry_->buffers[i].shape;
    for (uint32_t d = 0; d < shape.rank; ++d) {
      if (shape[d].kind() == DimKind::CONSTANT || bound[shape[d].value()]) continue;
      return Refuse("buffer %u: shape: expected symbols that an input binds, but got '%.48s'"_msg,
                    i, program_->symbols[shape[d].value()].name->c_str());
    }
  }
  return true;
}

bool EntryVerifier::VerifyOutputs() {
  const auto& outputs = entry_->outputs;
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    const unpacked::Binding& output = outputs[i];
    const BufferState& buffer = buffers_[output.buffer];
    if (buffer.state == BufferState::kValid) continue;
    if (buffer.state == BufferState::kNever) {
      return Refuse(
          "output %u ('%.48s'): buffer: expected one that a command writes, but nothing "
          "writes buffer %u"_msg,
          i, output.name->c_str(), output.buffer);
    }
    return Refuse(
        "output %u ('%.48s'): buffer: expected its value at the end, but command %u "
        "overwrites buffer %u"_msg,
        i, output.name->c_str(), buffer.state, output.buffer);
  }
  return true;
}

// --- commands ----------------------------------------------------------------

bool EntryVerifier::VerifyCommand() {
  kernel_name_ = "?";
  if (!VerifyString(command_->name, true, "name")) {
    return false;
  }
  const KernelContract* contract = FindKernelContract(command_->kernel);
  if (contract == nullptr) {
    return RefuseAs(GEM_STATUS_UNSUPPORTED,
                    "kernel: expected 1 to %u, as runtime %s has, but got %u"_msg,
                    schema::Kernel::MAX, gem_version(), command_->kernel);
  }
  kernel_name_ = schema::EnumNameKernel(contract->kernel);
  if (contract->kernel > schema::Kernel::SELECT_ROW && !VerifyIsSince(1, kernel_name_))
    return false;
  if (command_->params_type != contract->params) {
    return Refuse("params: expected %s, but got union type %u"_msg,
                  schema::EnumNameKernelParams(contract->params), command_->params_type);
  }
  OperandView inputs[kMaxInputs];
  OperandView outputs[kMaxOutputs];
  for (Letter& letter : letters_) letter.bound = false;
  if (!VerifyOperands(command_->inputs, "input", contract->inputs, contract->input_count, inputs) ||
      !VerifyOperands(command_->outputs, "output", contract->outputs, contract->output_count,
                      outputs)) {
    return false;
  }
  if (contract->kernel == schema::Kernel::EMBEDDING_BLOCKS && !CountMap(inputs)) return false;
  if (!VerifyTokenRows()) return false;
  const CommandView view{command_->params, *program_, inputs, outputs};
  ParameterError parameter;
  if (!CheckParams(contract->kernel, view.params, &parameter) ||
      (contract->check != nullptr && !contract->check(view, &parameter))) {
    return Refuse("%s: expected %s, but got %.10g"_msg, parameter.parameter, parameter.expected,
                  parameter.found);
  }
  if (view.params.causal != 0 && !VerifyIsSince(1, "causal")) return false;
  return VerifyAliasing(*contract, inputs, outputs) && FollowCommand(*contract);
}

// Before its entries are looked at.
bool EntryVerifier::CountMap(const OperandView* inputs) {
  const OperandView& map = inputs[kEmbeddingBlocksMap];
  if (map.kind == OperandKind::NONE) return true;
  const uint64_t entries = map.dim(0).value();
  if (entries > kMaxMapEntries - map_entries_) {
    return Refuse(
        "input %u (map): extent 0: expected at most %llu entries of maps in an entry, but "
        "got %llu"_msg,
        kEmbeddingBlocksMap, kMaxMapEntries, map_entries_ + entries);
  }
  map_entries_ += entries;
  return Spend(entries);
}

bool EntryVerifier::VerifyOperands(const Operands& operands, const char* side,
                                   const OperandContract* contracts, uint32_t count,
                                   OperandView* views) {
  if (operands.size() != count) {
    return Refuse("%ss: expected %u operands, but got %u"_msg, side, count, operands.size());
  }
  for (uint32_t i = 0; i < count; ++i) {
    const OperandContract& contract = contracts[i];
    const schema::Operand& operand = operands[i];
    OperandView& view = views[i];
    view = {};
    view.kind = operand.kind();
    const bool permitted =
        (operand.kind() == OperandKind::NONE && (contract.kinds & OperandContract::kOptional)) ||
        (operand.kind() == OperandKind::BUFFER && (contract.kinds & OperandContract::kBuffer)) ||
        (operand.kind() == OperandKind::CONSTANT && (contract.kinds & OperandContract::kConstant));
    if (!permitted) {
      return Refuse("%s %u (%s): kind: expected %s%s, but got %u"_msg, side, i, contract.name,
                    contract.kinds & OperandContract::kConstant ? "2 (CONSTANT)" : "1 (BUFFER)",
                    contract.kinds & OperandContract::kOptional ? " or 0 (NONE)" : "",
                    operand.kind());
    }
    if (operand.kind() == OperandKind::NONE) {
      if (operand.index() == 0) continue;
      return Refuse("%s %u (%s): index: expected 0 for NONE, but got %u"_msg, side, i,
                    contract.name, operand.index());
    }
    const bool is_buffer = operand.kind() == OperandKind::BUFFER;
    const uint32_t limit = is_buffer ? entry_->buffers.size() : program_->constants.size();
    if (operand.index() >= limit) {
      return Refuse("%s %u (%s): index: expected less than the %u %s, but got %u"_msg, side, i,
                    contract.name, limit, is_buffer ? "buffers" : "constants", operand.index());
    }
    const unpacked::Tensor& tensor =
        is_buffer ? entry_->buffers[operand.index()] : program_->constants[operand.index()];
    view.tensor = &tensor;
    if (is_buffer) {
      view.begin = buffers_[operand.index()].begin;
      view.end = buffers_[operand.index()].end;
    } else {
      view.data = file_.data() + bundle_.segments[tensor.segment].offset + tensor.offset;
    }
    const ElementType type = tensor.element_type;
    if ((contract.types & TypeBit(type)) == 0) {
      char expected[48];
      return Refuse("%s %u (%s): element type: expected %s, but got %s"_msg, side, i, contract.name,
                    SpellTypes(contract.types, expected), Name(type));
    }
    if (CodeBits(type) != 0 && tensor.scales == schema::Scales::NONE) {
      return Refuse("%s %u (%s): scales: expected those of quantized weights, but got 0 (NONE)"_msg,
                    side, i, contract.name);
    }
    // What is new in a kernel of 1.0 are weights that are not f32.
    if (!is_buffer && (contract.types & TypeBit(ElementType::F32)) != 0 &&
        type != ElementType::F32 && !VerifyIsSince(1, "weights that are not F32")) {
      return false;
    }
    if (tensor.layout != contract.layout) {
      return Refuse("%s %u (%s): layout: expected %s, but got %s"_msg, side, i, contract.name,
                    schema::EnumNameLayout(contract.layout), schema::EnumNameLayout(tensor.layout));
    }
    if (!VerifyShape(contract, view, side, i)) return false;
    // Constants of this type index memory: the contract's check reads them.
    if (!is_buffer && contract.types == TypeBit(ElementType::U16) && !VerifyHash(tensor.segment)) {
      return false;
    }
  }
  return true;
}

// "F32", "F32 or F16", "I8, I4, I3 or I2".
const char* EntryVerifier::SpellTypes(uint16_t types, char (&text)[48]) {
  text[0] = '\0';
  size_t used = 0;
  for (unsigned i = 0; types >> i != 0; ++i) {
    if ((types >> i & 1) == 0) continue;
    const char* separator = used == 0 ? "" : types >> (i + 1) == 0 ? " or " : ", ";
    const int written = snprintf(text + used, sizeof(text) - used, "%s%s", separator,
                                 Name(static_cast<ElementType>(i)));
    if (written < 0 || used + static_cast<size_t>(written) >= sizeof(text)) break;
    used += static_cast<size_t>(written);
  }
  return text;
}

bool EntryVerifier::VerifyShape(const OperandContract& contract, const OperandView& view,
                                const char* side, uint32_t index) {
  const char* shape = contract.shape;
  const uint32_t rank = view.tensor->shape.rank;
  if (contract.may_drop_row && rank + 1 == strlen(shape)) {
    const Letter& row = letters_[LetterIndex('m')];
    if (row.bound && row.dim.kind() == DimKind::CONSTANT && row.dim.value() == 1) ++shape;
  }
  if (rank != strlen(shape)) {
    return Refuse("%s %u (%s): rank: expected %zu, but got %u"_msg, side, index, contract.name,
                  strlen(shape), rank);
  }
  char expected_text[48];
  char found_text[48];
  for (uint32_t d = 0; d < rank; ++d) {
    const schema::Dim& found = view.dim(d);
    if (shape[d] == '1') {
      if (found.kind() == DimKind::CONSTANT && found.value() == 1) continue;
      return Refuse("%s %u (%s): extent %u: expected 1, but got %s"_msg, side, index, contract.name,
                    d, Spell(found, found_text));
    }
    Letter& letter = letters_[LetterIndex(shape[d])];
    if (!letter.bound) {
      letter = {true, found, side, index, d, contract.name};
      continue;
    }
    if (letter.dim.kind() == found.kind() && letter.dim.value() == found.value()) continue;
    return Refuse("%s %u (%s): extent %u: expected %s, as %s %u (%s) has, but got %s"_msg, side,
                  index, contract.name, d, Spell(letter.dim, expected_text), letter.side,
                  letter.operand, letter.operand_name, Spell(found, found_text));
  }
  return true;
}

// Rows R are of K quantized values.
bool EntryVerifier::VerifyTokenRows() {
  const Letter& row = letters_[LetterIndex('R')];
  const Letter& width = letters_[LetterIndex('K')];
  if (!row.bound) return true;
  if (width.dim.kind() != DimKind::CONSTANT || width.dim.value() > format::kMaxDepth) {
    return Refuse("%s %u (%s): extent %u: expected a constant of at most %llu, but got %u"_msg,
                  width.side, width.operand, width.operand_name, width.extent, format::kMaxDepth,
                  program_->Maximum(width.dim));
  }
  const uint64_t bytes = format::TokenRowBytes(width.dim.value());
  if (row.dim.kind() == DimKind::CONSTANT && row.dim.value() == bytes) return true;
  return Refuse(
      "%s %u (%s): extent %u: expected %llu, the bytes of %u quantized values, but got %u"_msg,
      row.side, row.operand, row.operand_name, row.extent, bytes, width.dim.value(),
      program_->Maximum(row.dim));
}

bool EntryVerifier::VerifyAliasing(const KernelContract& contract, const OperandView* inputs,
                                   const OperandView* outputs) {
  const auto overlap = [](const OperandView& a, const OperandView& b) {
    return a.kind == OperandKind::BUFFER && b.kind == OperandKind::BUFFER && a.begin < b.end &&
           b.begin < a.end;
  };
  for (uint32_t o = 0; o < contract.output_count; ++o) {
    for (uint32_t i = 0; i < contract.input_count; ++i) {
      if (!overlap(outputs[o], inputs[i])) continue;
      bool allowed = false;
      for (uint32_t p = 0; p < contract.in_place_count; ++p) {
        allowed |= contract.in_place[p].output == o && contract.in_place[p].input == i;
      }
      if (allowed && outputs[o].begin == inputs[i].begin && outputs[o].end == inputs[i].end) {
        continue;
      }
      return Refuse("output %u (%s): buffer: expected %s input %u (%s), but they share bytes"_msg,
                    o, contract.outputs[o].name,
                    allowed ? "exactly the bytes, or none, of" : "no byte of", i,
                    contract.inputs[i].name);
    }
    for (uint32_t other = 0; other < o; ++other) {
      if (!overlap(outputs[o], outputs[other])) continue;
      return Refuse(
          "output %u (%s): buffer: expected no byte of output %u (%s), but they share "
          "bytes"_msg,
          o, contract.outputs[o].name, other, contract.outputs[other].name);
    }
  }
  return true;
}

bool EntryVerifier::FollowCommand(const KernelContract& contract) {
  const auto& inputs = command_->inputs;
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    const schema::Operand& operand = inputs[i];
    if (operand.kind() != OperandKind::BUFFER) continue;
    const uint32_t state = buffers_[operand.index()].state;
    if (state == BufferState::kValid) continue;
    if (state == BufferState::kNever) {
      return Refuse(
          "input %u (%s): buffer: expected one that was written before, but nothing "
          "writes buffer %u"_msg,
          i, contract.inputs[i].name, operand.index());
    }
    return Refuse(
        "input %u (%s): buffer: expected its value, but command %u has overwritten "
        "buffer %u"_msg,
        i, contract.inputs[i].name, state, operand.index());
  }
  const auto& outputs = command_->outputs;
  for (const schema::Operand& operand : outputs) {
    if (operand.kind() != OperandKind::BUFFER) continue;
    if (!Spend(buffers_.size())) return false;
    const BufferState written = buffers_[operand.index()];
    for (BufferState& buffer : buffers_) {
      if (buffer.state == BufferState::kValid && buffer.begin < written.end &&
          written.begin < buffer.end) {
        buffer.state = command_index_;
      }
    }
    buffers_[operand.index()].state = BufferState::kValid;
  }
  return true;
}

}  // namespace gem
