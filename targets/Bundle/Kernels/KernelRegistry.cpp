// Which CPU kernels bundles call, and the source that links a runtime with just those.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "targets/Bundle/Kernels/KernelRegistry.h"

#include <algorithm>

#include "gem/kernel_registry.h"

namespace gem::bundle {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::Scales;

struct Slot {
  const char* name;
  const char* function;
};
// The plan comes before the slots of an ISA: CpuKernels says so.
constexpr Slot kSlots[] = {{"plan_scar_attention", "PlanScarAttention"},
#define GEM_SLOT(slot, function, type) {#slot, #function},
                           GEM_KERNEL_SLOTS(GEM_SLOT)
#undef GEM_SLOT
};

#define GEM_NAME(isa) #isa,
constexpr const char* kX86Isas[] = {GEM_CPU_ISAS_X86_64(GEM_NAME)};
constexpr const char* kArmIsas[] = {GEM_CPU_ISAS_AARCH64(GEM_NAME)};
constexpr const char* kOtherIsas[] = {GEM_CPU_ISAS_OTHER(GEM_NAME)};
#undef GEM_NAME

struct Architecture {
  const char* macro;
  const char* name;
  std::span<const char* const> isas;
};
const Architecture kArchitectures[] = {{"__x86_64__", "x86-64", kX86Isas},
                                       {"__aarch64__", "64-bit ARM", kArmIsas},
                                       {nullptr, "this architecture", kOtherIsas}};

const char* TypeName(ElementType type) {
  switch (type) {
    case ElementType::F16:
      return "f16";
    case ElementType::I8:
      return "int8";
    case ElementType::I4:
      return "int4";
    case ElementType::I3:
      return "int3";
    case ElementType::I2:
      return "int2";
    default:
      return "f32";
  }
}

std::string LinearSlot(const schema::Constant& weight) {
  std::string slot = std::string("linear_") + TypeName(weight.element_type());
  if (weight.scales() == Scales::TWO_LEVEL) slot += "_group";
  if (weight.scales() == Scales::F16_GROUP) slot += "_f16";
  return slot;
}

// A name of a bundle as text of a source: it may hold anything.
std::string Plain(std::string_view name) {
  std::string text(name.substr(0, 60));
  for (char& c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!plain && std::string_view(" -_.+").find(c) == std::string_view::npos) c = '_';
  }
  return text.empty() ? "a model" : text;
}

}  // namespace

std::vector<std::string> AllKernelIsas() {
  std::vector<std::string> all;
  for (const Architecture& architecture : kArchitectures) {
    for (const char* isa : architecture.isas) {
      if (std::find(all.begin(), all.end(), isa) == all.end()) all.emplace_back(isa);
    }
  }
  return all;
}

void KernelSelection::Add(const schema::Bundle& bundle) {
  for (const schema::Variant* variant : *bundle.variants()) {
    names_.insert(Plain(bundle.model()->name()->string_view()) + " (" +
                  Plain(variant->device()->string_view()) + ")");
    const schema::Program& program = *variant->program();
    for (const schema::Entry* entry : *program.entries()) {
      for (const schema::Submission* submission : *entry->submissions()) {
        if (submission->driver() != schema::Driver::CPU) continue;
        for (const schema::Command* command : *submission->commands()) {
          // The constants of two dimensions: a bias has one. A map of tokens is no weight.
          std::vector<const schema::Constant*> weights;
          for (const schema::Operand* operand : *command->inputs()) {
            if (operand->kind() != schema::OperandKind::CONSTANT) continue;
            const schema::Constant* constant = program.constants()->Get(operand->index());
            if (constant->shape()->size() == 2) weights.push_back(constant);
          }
          switch (command->kernel()) {
            case Kernel::EMBEDDING:
            case Kernel::EMBEDDING_BLOCKS:
            case Kernel::ADD_POSITION:
              for (const schema::Constant* table : weights) {
                slots_.insert(std::string("table_") + TypeName(table->element_type()));
              }
              break;
            case Kernel::LINEAR:
            case Kernel::LINEAR_QUANTIZED:
              for (const schema::Constant* weight : weights) slots_.insert(LinearSlot(*weight));
              break;
            case Kernel::ROUTE_TOKENS: {
              const bool f16 = std::any_of(weights.begin(), weights.end(), [](const auto* w) {
                return w->element_type() == ElementType::F16;
              });
              slots_.insert(f16 ? "route_tokens_f16" : "route_tokens_f32");
              break;
            }
            case Kernel::SCAR_ATTENTION:
              slots_.insert("plan_scar_attention");
              slots_.insert("scar_attention");
              break;
            case Kernel::ADD:
              slots_.insert("add");
              break;
            case Kernel::LAYER_NORM:
              slots_.insert("layer_norm");
              break;
            case Kernel::LAYER_NORM_QUANTIZED:
              slots_.insert("layer_norm_quantized");
              break;
            case Kernel::QUANTIZE_TOKENS:
              slots_.insert("quantize_tokens");
              break;
            case Kernel::ACTIVATION:
              slots_.insert("activation");
              break;
            case Kernel::ATTENTION:
              slots_.insert("attention");
              break;
            case Kernel::SELECT_ROW:  // the driver does it
            case Kernel::INVALID:
              break;
          }
        }
      }
    }
  }
}

std::vector<std::string> KernelSelection::Slots() const {
  std::vector<std::string> slots;
  for (const Slot& slot : kSlots) {
    if (slots_.contains(slot.name)) slots.emplace_back(slot.name);
  }
  return slots;
}

std::string KernelSelection::BuiltFor() const {
  std::string text;
  for (const std::string& name : names_) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string KernelSelection::RegistrySource(std::span<const std::string> isas) const {
  std::string text =
      "// The CPU kernels of a runtime for these models and devices, and no others:\n";
  for (const std::string& name : names_) text += "//   " + name + "\n";
  text +=
      "// Written by `gem-bundle kernels`; docs/selective-runtime.md tells how it is linked.\n"
      "#include \"gem/kernel_registry.h\"\n"
      "\n"
      "#define GEM_SELECTED_KERNELS";
  const char* separator = " \\\n  ";
  for (const Slot& slot : kSlots) {
    if (!slots_.contains(slot.name)) continue;
    text += separator + std::string(".") + slot.name + " = " + slot.function;
    separator = ", \\\n  ";
  }
  text += "\n\n";
  std::string chosen = "GEM_CPU_ISAS";
  if (!isas.empty()) {
    chosen = "GEM_SELECTED_ISAS";
    const char* condition = "#if";
    for (const Architecture& architecture : kArchitectures) {
      text += architecture.macro != nullptr
                  ? std::string(condition) + " defined(" + architecture.macro + ")\n"
                  : "#else\n";
      condition = "#elif";
      std::string list;
      for (const char* isa : architecture.isas) {
        if (std::find(isas.begin(), isas.end(), isa) == isas.end()) continue;
        list += std::string(" X(") + isa + ")";
      }
      text += !list.empty() ? "#define GEM_SELECTED_ISAS(X)" + list + "\n"
                            : std::string("#error \"no kernels for ") + architecture.name +
                                  " were selected: name them with gem-bundle kernels --cpu\"\n";
    }
    text += "#endif\n\n";
  }
  return text + "GEM_DEFINE_KERNEL_REGISTRY(" + chosen + ", \"" + BuiltFor() + "\")\n";
}

}  // namespace gem::bundle
