// Whether the program is linked with the CPU kernels that a bundle needs.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/drivers/cpu/LinkedKernels.h"

#include <cstdio>

#include "runtime/core/KernelContracts.h"
#include "runtime/core/Status.h"
#include "runtime/kernels/Kernels.h"

namespace gem {

using schema::ElementType;
using schema::Kernel;

WeightType ToWeightType(ElementType type) {
  switch (type) {
    case ElementType::F16:
      return WeightType::kF16;
    case ElementType::I8:
      return WeightType::kI8;
    case ElementType::I4:
      return WeightType::kI4;
    case ElementType::I3:
      return WeightType::kI3;
    case ElementType::I2:
      return WeightType::kI2;
    default:
      return WeightType::kF32;
  }
}

void NameWeightFormat(const unpacked::Constant& constant, char* text, size_t size) {
  const unsigned bits = CodeBits(constant.element_type);
  if (bits == 0) {
    snprintf(text, size, "%s", constant.element_type == ElementType::F16 ? "f16" : "f32");
  } else if (constant.group_size == 0) {
    snprintf(text, size, "int%u", bits);
  } else {
    snprintf(text, size, "int%ug%u%s", bits, constant.group_size,
             constant.scales == schema::Scales::F16_GROUP ? "f16" : "");
  }
}

namespace {

// Whether `kernels` has the kernel for a weight, which is null for kernels that have
// none or take any.
bool IsLinked(const CpuKernels& kernels, Kernel kernel, const unpacked::Constant* weight) {
  switch (kernel) {
    case Kernel::EMBEDDING:
    case Kernel::EMBEDDING_BLOCKS:
    case Kernel::ADD_POSITION:
      return kernels.TableFor(ToWeightType(weight->element_type)) != nullptr;
    case Kernel::LINEAR:
      return kernels.LinearFor(ToWeightType(weight->element_type)) != nullptr;
    case Kernel::LINEAR_QUANTIZED:
      return kernels.LinearQuantizedFor(ToWeightType(weight->element_type),
                                        ToFormat(weight->scales)) != nullptr;
    case Kernel::ADD:
      return kernels.add != nullptr;
    case Kernel::LAYER_NORM:
      return kernels.layer_norm != nullptr;
    case Kernel::LAYER_NORM_QUANTIZED:
      return kernels.layer_norm_quantized != nullptr;
    case Kernel::QUANTIZE_TOKENS:
      return kernels.quantize_tokens != nullptr;
    case Kernel::ACTIVATION:
      return kernels.activation != nullptr;
    case Kernel::ATTENTION:
      return kernels.attention != nullptr;
    case Kernel::ROUTE_TOKENS: {  // with an f16 one takes the other as f32 too
      const WeightType type = ToWeightType(weight->element_type);
      return kernels.RouteTokensFor(type, type) != nullptr ||
             (type == WeightType::kF32 && kernels.route_tokens_f16 != nullptr);
    }
    case Kernel::SCAR_ATTENTION:
      return kernels.scar_attention != nullptr && kernels.plan_scar_attention != nullptr;
    default:
      return true;  // in the driver itself
  }
}

// Which kernels are chosen by the format of their weights.
bool IsByWeight(Kernel kernel) {
  return kernel == Kernel::EMBEDDING || kernel == Kernel::EMBEDDING_BLOCKS ||
         kernel == Kernel::ADD_POSITION || kernel == Kernel::LINEAR ||
         kernel == Kernel::LINEAR_QUANTIZED || kernel == Kernel::ROUTE_TOKENS;
}

// A command that calls what is not linked: false when there is none in the entry.
struct Missing {
  uint32_t command;
  Kernel kernel;
  const unpacked::Constant* weight;  // or null
};
bool FindMissing(const unpacked::Program& program, const unpacked::Entry& entry,
                 const CpuKernels& kernels, Missing* missing) {
  *missing = {};
  for (const unpacked::Submission& submission : entry.submissions) {
    for (const unpacked::Command& command : submission.commands) {
      missing->kernel = command.kernel;
      if (!IsByWeight(missing->kernel)) {
        if (!IsLinked(kernels, missing->kernel, nullptr)) return true;
      } else {
        for (const schema::Operand& operand : command.inputs) {
          if (operand.kind() != schema::OperandKind::CONSTANT) continue;
          missing->weight = &program.constants[operand.index()];
          // An embedding's map and a linear's bias are no weights.
          if (missing->weight->element_type == ElementType::U16) continue;
          if (missing->weight->shape.rank != 2) continue;
          if (!IsLinked(kernels, missing->kernel, missing->weight)) return true;
        }
        missing->weight = nullptr;
      }
      ++missing->command;
    }
  }
  return false;
}

gem_status_t Refuse(const unpacked::Entry& entry, const Missing& missing, gem_error_t* error) {
  char format[16] = "";
  if (missing.weight != nullptr) NameWeightFormat(*missing.weight, format, sizeof(format));
  return Fail(error, GEM_STATUS_UNSUPPORTED,
              "entry '%.48s': command %u: kernel %s%s%s%s is not in this runtime, which was built "
              "for %.160s; build it with 'gem-bundle kernels' for this bundle too, or link "
              "gem::runtime"_msg,
              entry.name->c_str(), missing.command, schema::EnumNameKernel(missing.kernel),
              format[0] != '\0' ? " with " : "", format, format[0] != '\0' ? " weights" : "",
              kCpuKernelRegistry.built_for);
}

}  // namespace

gem_status_t CheckKernelsLinked(const unpacked::Program& program, const unpacked::Entry& entry,
                                const CpuKernels& kernels, gem_error_t* error) {
  Missing missing;
  if (!FindMissing(program, entry, kernels, &missing)) return GEM_STATUS_OK;
  return Refuse(entry, missing, error);
}

gem_status_t CheckKernelsLinked(const unpacked::Bundle& bundle, gem_error_t* error) {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  Missing missing = {};
  const unpacked::Entry* refused = nullptr;
  for (const unpacked::Variant& variant : bundle.variants) {
    for (const unpacked::Entry& entry : variant.program.entries) {
      for (size_t i = 0; i < count; ++i) {
        Missing found;
        if (!FindMissing(variant.program, entry, *all[i], &found)) return GEM_STATUS_OK;
        if (refused == nullptr) {
          missing = found;
          refused = &entry;
        }
      }
    }
  }
  return Refuse(*refused, missing, error);
}

}  // namespace gem
