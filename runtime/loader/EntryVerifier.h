// The semantic verifier: an entry's buffers, bindings and commands.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_ENTRYVERIFIER_H
#define GEM_RUNTIME_LOADER_ENTRYVERIFIER_H

#include "runtime/core/KernelContracts.h"
#include "runtime/loader/VerifierBase.h"

namespace gem {

class EntryVerifier : public VerifierBase {
 public:
  // `base` is at the variant of `entry`, whose symbols and constants are checked.
  EntryVerifier(const VerifierBase& base, const unpacked::Entry& entry) : VerifierBase(base) {
    entry_ = &entry;
  }

  bool Verify();

 private:
  using Operands = unpacked::List<schema::Operand>;

  // What a buffer's bytes hold while the commands are followed.
  struct BufferState {
    static constexpr uint32_t kNever = 0xFFFFFFFF;  // nothing yet
    static constexpr uint32_t kValid = 0xFFFFFFFE;  // its value
    uint64_t begin, end;
    uint32_t state;  // or the command that overwrote it
  };

  // What a letter of a command's shapes stands for, and who said so first.
  struct Letter {
    bool bound;
    schema::Dim dim;
    const char* side;
    uint32_t operand, extent;
    const char* operand_name;
  };
  // Shapes are spelt with both cases: n is not N.
  static unsigned LetterIndex(char letter) {
    return static_cast<unsigned>(letter >= 'a' ? letter - 'a' : letter - 'A' + 26);
  }

  bool VerifyBuffers();
  bool VerifyBindings(const unpacked::List<unpacked::Binding>& bindings, bool inputs);
  bool VerifyRole(const unpacked::Binding& binding, const unpacked::Buffer& buffer, bool inputs,
                  const char* where);
  bool VerifyInputsDisjoint();
  bool VerifySymbolsAreBound();
  bool VerifyOutputs();
  bool VerifyCommand();
  bool CountMap(const OperandView* inputs);
  bool VerifyOperands(const Operands& operands, const char* side, const OperandContract* contracts,
                      uint32_t count, OperandView* views);
  static const char* SpellTypes(uint16_t types, char (&text)[48]);
  bool VerifyShape(const OperandContract& contract, const OperandView& view, const char* side,
                   uint32_t index);
  bool VerifyTokenRows();
  bool VerifyAliasing(const KernelContract& contract, const OperandView* inputs,
                      const OperandView* outputs);
  bool FollowCommand(const KernelContract& contract);

  Array<BufferState> buffers_;
  Letter letters_[52];
  uint64_t map_entries_ = 0;
};

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_ENTRYVERIFIER_H
