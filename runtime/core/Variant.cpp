// The variant of a bundle that suits this machine.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Variant.h"

#include <unistd.h>

#include <cstring>

#include "runtime/drivers/cpu/LinkedKernels.h"
#include "runtime/kernels/Kernels.h"

namespace gem {
namespace {

// What the rules look at, each better when it is higher.
constexpr int kRules = 5;
struct Merits {
  uint64_t of[kRules];
};

bool Equals(const flatbuffers::String& a, const char* b) {
  // Not strcmp, since GCC 12 takes a string's bytes for those of its length alone.
  const size_t size = strlen(b);
  return a.size() == size && memcmp(a.Data(), b, size) == 0;
}

const unpacked::Entry* FindEntry(const unpacked::Program& program, const char* name) {
  for (const unpacked::Entry& entry : program.entries) {
    if (name == nullptr || Equals(*entry.name, name)) return &entry;
  }
  return nullptr;
}

// 0: not run here; 1: none given; above: the better the kernels, the higher.
uint64_t KernelMerit(const flatbuffers::String* name) {
  if (name == nullptr) return 1;
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  for (size_t i = 0; i < count; ++i) {
    if (Equals(*name, all[i]->name) && all[i]->supported()) return 1 + count - i;
  }
  return 0;
}

Merits MeritsOf(const unpacked::Variant& variant, const char* entry_name, uint64_t memory,
                const CpuKernels& kernels) {
  const unpacked::Entry* entry = FindEntry(variant.program, entry_name);
  constexpr uint64_t kHas = uint64_t{1} << 63;
  const uint64_t limit = variant.memory_limit;
  const bool is_linked = entry != nullptr && CheckKernelsLinked(variant.program, *entry, kernels,
                                                                nullptr) == GEM_STATUS_OK;
  return {{entry != nullptr, entry != nullptr && entry->arena_size <= memory, is_linked,
           KernelMerit(variant.cpu_kernels), limit <= memory ? kHas | limit : ~limit >> 1}};
}

// The first rule by which they differ; kRules when they are equal.
int FirstDifference(const Merits& a, const Merits& b) {
  int rule = 0;
  while (rule < kRules && a.of[rule] == b.of[rule]) ++rule;
  return rule;
}

}  // namespace

uint64_t PhysicalMemory() {
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  if (pages > 0 && size > 0) return static_cast<uint64_t>(pages) * static_cast<uint64_t>(size);
#endif
  return ~uint64_t{0};
}

VariantChoice ChooseVariant(const unpacked::Bundle& bundle, const char* entry, uint64_t memory,
                            const CpuKernels& kernels) {
  const auto& variants = bundle.variants;
  // Nothing to compare, so no walk over the commands.
  if (variants.size() == 1) return {0, "the only one"};
  uint32_t best = 0;
  Merits merits = MeritsOf(variants[0], entry, memory, kernels);
  for (uint32_t i = 1; i < variants.size(); ++i) {
    const Merits other = MeritsOf(variants[i], entry, memory, kernels);
    const int rule = FirstDifference(merits, other);
    if (rule == kRules || merits.of[rule] > other.of[rule]) continue;
    best = i;
    merits = other;
  }
  // The last rule that was needed to tell the best from another.
  int decided = 0;
  for (uint32_t i = 0; i < variants.size(); ++i) {
    if (i == best) continue;
    const int rule = FirstDifference(merits, MeritsOf(variants[i], entry, memory, kernels));
    if (rule > decided) decided = rule;
  }
  static constexpr const char* kReasons[kRules + 1] = {
      "the only one with this entry",
      "the only one whose arena fits this machine's memory",
      "the only one whose kernels are in this runtime",
      "its kernels suit this CPU best",
      "its kernels and memory suit this machine best",
      "the first of those that suit this machine best",
  };
  return {best, kReasons[decided]};
}

}  // namespace gem
