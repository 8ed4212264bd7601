// What the parts of the semantic verifier share: where they are, and refusing.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef GEM_RUNTIME_LOADER_VERIFIERBASE_H
#define GEM_RUNTIME_LOADER_VERIFIERBASE_H

#include <cstdarg>
#include <cstdint>
#include <span>

#include "runtime/core/KernelContracts.h"
#include "runtime/core/Memory.h"
#include "runtime/core/Status.h"
#include "runtime/loader/SegmentHashes.h"
#include "runtime/loader/Unpacked.h"
#include "runtime/schema/Preamble.h"

namespace gem {

// Functions return false once a refusal is written. Every refusal names the
// place and the field, what was expected and what was found.
class VerifierBase {
 public:
  VerifierBase(const unpacked::Bundle& bundle, const Preamble& preamble,
               std::span<const uint8_t> file, const SegmentHashes* hashes, Memory* memory,
               uint64_t* steps, gem_error_t* error)
      : bundle_(bundle),
        preamble_(preamble),
        file_(file),
        hashes_(hashes),
        memory_(memory),
        steps_(steps),
        error_(error) {}

  gem_status_t status() const { return status_; }

 protected:
  using String = unpacked::String;

  template <FixedString kText, typename... Args>
  [[gnu::always_inline]] bool Refuse(Message<kText> message, Args... args) {
    return messages::CallPacked(
        message,
        [=, this](auto... values)
            __attribute__((always_inline)) { return RefusePacked(values...); },
        args...);
  }
  template <FixedString kText, typename... Args>
  [[gnu::always_inline]] bool RefuseAs(gem_status_t status, Message<kText> message, Args... args) {
    return messages::CallPacked(
        message,
        [=, this](auto... values)
            __attribute__((always_inline)) { return RefusePackedAs(status, values...); },
        args...);
  }
  bool OutOfMemory();
  // Counts work; refuses a bundle that makes more than kMaxVerifierSteps of it.
  bool Spend(uint64_t steps);

  // Refuses `feature`, which format 1.`minor` brought, in a file that says it is older:
  // a runtime of that version would read it and misunderstand it.
  bool VerifyIsSince(unsigned minor, const char* feature);

  // Refuses a segment of other bytes than its hash says, when that is to be checked
  // before they are read.
  bool VerifyHash(uint32_t segment);

  // Strings end up in messages and in the JSON of tools.
  bool VerifyString(const String* string, bool may_be_empty, const char* field);

  template <typename T>
  bool VerifyUniqueNames(const unpacked::List<T>& items, const String* T::* name,
                         const char* what) {
    Array<const void*> names;
    if (!names.Allocate(memory_, items.size())) return OutOfMemory();
    for (uint32_t i = 0; i < items.size(); ++i) names[i] = items[i].*name;
    return VerifyUniqueNames(&names, what);
  }
  // Of strings.
  bool VerifyUniqueNames(Array<const void*>* names, const char* what);

  // Sorts pointers; one function for all, since size counts here.
  using Less = bool (*)(const void* a, const void* b);
  static void Sort(Array<const void*>* items, Less less);

  template <typename T>
  static uint32_t SizeOf(const flatbuffers::Vector<T>* vector) {
    return vector == nullptr ? 0 : vector->size();
  }
  static const char* Name(schema::ElementType type);

  // "128", or the symbol's name.
  const char* Spell(const schema::Dim& dim, char (&text)[48]) const;

  const unpacked::Bundle& bundle_;
  const Preamble& preamble_;
  std::span<const uint8_t> file_;  // without a signature block
  const SegmentHashes* hashes_;    // null: hashes are not checked before reading
  Memory* memory_;
  uint64_t* steps_;  // spent so far, by all parts of the verifier
  gem_error_t* error_;
  gem_status_t status_ = GEM_STATUS_OK;

  // Where checking is at, for messages.
  const unpacked::Variant* variant_ = nullptr;
  uint32_t variant_index_ = 0;
  const unpacked::Program* program_ = nullptr;
  const unpacked::Entry* entry_ = nullptr;
  const unpacked::Command* command_ = nullptr;
  uint32_t command_index_ = 0;  // over all submissions of the entry
  const char* kernel_name_ = "?";

 private:
  bool RefusePacked(const char* packed, ...);
  bool RefusePackedAs(gem_status_t status, const char* packed, ...);
  bool RefusePackedV(gem_status_t status, const char* packed, va_list arguments);
};

}  // namespace gem

#endif  // GEM_RUNTIME_LOADER_VERIFIERBASE_H
