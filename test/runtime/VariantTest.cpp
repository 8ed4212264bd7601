// Which variant of a bundle suits a machine.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Variant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gem/gem.h"
#include "runtime/kernels/Kernels.h"
#include "runtime/loader/Bundle.h"
#include "test/runtime/Refusal.h"
#include "test/runtime/TestSupport.h"
#include "test/runtime/TinyModels.h"

namespace gem::test {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMb = 1000000;

struct Device {
  std::string kernels = "";  // empty: not given
  uint64_t memory_limit = 0;
  uint64_t arena = 0;  // 0: the program's; else more, by a buffer that nothing uses
  std::string entry = "main";
};

// A bundle of one program for several devices, "device 0" and so on.
Bytes BundleFor(const std::vector<Device>& devices) {
  TinyGem gem;
  gem.builder.format_minor = 2;
  schema::BundleT& bundle = gem.builder.bundle();
  const schema::VariantT original = *bundle.variants[0];
  bundle.variants.clear();
  for (const Device& device : devices) {
    auto variant = std::make_unique<schema::VariantT>(original);
    variant->device = "device " + std::to_string(bundle.variants.size());
    variant->cpu_kernels = device.kernels;
    variant->memory_limit = device.memory_limit;
    schema::EntryT& entry = *variant->program->entries[0];
    entry.name = device.entry;
    if (device.arena != 0) {
      auto buffer = std::make_unique<schema::BufferT>();
      buffer->element_type = schema::ElementType::U8;
      buffer->offset = entry.arena_size;
      buffer->shape = {Constant(static_cast<uint32_t>(device.arena - entry.arena_size))};
      entry.buffers.push_back(std::move(buffer));
      entry.arena_size = device.arena;
    }
    bundle.variants.push_back(std::move(variant));
  }
  return gem.builder.Build();
}

// "INDEX: reason", on a machine with this much memory.
std::string Choose(const std::vector<Device>& devices, uint64_t memory = 1000 * kMb,
                   const char* entry = nullptr) {
  const AlignedBytes bytes(BundleFor(devices));
  const BundlePtr bundle = OpenBundle(bytes);
  if (bundle == nullptr) return "it does not open";
  size_t count = 0;
  const CpuKernels& kernels = *AllCpuKernels(&count)[0];  // all are linked with everything
  const VariantChoice choice = ChooseVariant(bundle->root(), entry, memory, kernels);
  return std::to_string(choice.index) + ": " + choice.reason;
}

// The names of kernels that this CPU runs, best first.
std::vector<std::string> Supported() {
  std::vector<std::string> names;
  int32_t supported = 0;
  for (uint32_t i = 0; const char* name = gem_cpu_kernels(i, &supported); ++i) {
    if (supported != 0) names.push_back(name);
  }
  return names;
}

// Kernels of an architecture that this is not.
#if defined(__aarch64__)
constexpr char kForeign[] = "avx2";
#else
constexpr char kForeign[] = "neon";
#endif

constexpr char kOnly[] = "0: the only one";
constexpr char kByMemory[] = ": its kernels and memory suit this machine best";

TEST(ChooseVariantTest, TheOnlyOne) {
  EXPECT_EQ(Choose({{}}), kOnly);
  EXPECT_EQ(Choose({{.kernels = kForeign, .memory_limit = 5000 * kMb}}), kOnly);
}

TEST(ChooseVariantTest, BetterKernelsFirst) {
  const std::vector<std::string> names = Supported();
  ASSERT_FALSE(names.empty());
  std::vector<Device> devices;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    devices.push_back({.kernels = *name});
    EXPECT_EQ(Choose(devices),
              std::to_string(devices.size() - 1) +
                  (devices.size() == 1 ? ": the only one" : ": its kernels suit this CPU best"));
  }
}

TEST(ChooseVariantTest, KernelsBeforeMemory) {
  EXPECT_EQ(Choose({{.kernels = kForeign, .memory_limit = 900 * kMb},
                    {.kernels = "scalar", .memory_limit = 100 * kMb}}),
            "1: its kernels suit this CPU best");
}

TEST(ChooseVariantTest, UnknownKernelsAfterNoneGiven) {
  EXPECT_EQ(Choose({{.kernels = "sve9"}, {.kernels = ""}, {.kernels = kForeign}}),
            "1: its kernels suit this CPU best");
  EXPECT_EQ(Choose({{.kernels = ""}, {.kernels = "scalar"}}), "1: its kernels suit this CPU best");
  // What nobody runs is equal.
  EXPECT_EQ(Choose({{.kernels = "sve9"}, {.kernels = kForeign}}),
            "0: the first of those that suit this machine best");
}

TEST(ChooseVariantTest, TheMostMemoryThatTheMachineHas) {
  const auto with = [](std::vector<uint64_t> limits, uint64_t memory) {
    std::vector<Device> devices;
    for (const uint64_t limit : limits) devices.push_back({.memory_limit = limit});
    return Choose(devices, memory);
  };
  EXPECT_EQ(with({500 * kMb, 900 * kMb, 1001 * kMb}, 1000 * kMb), std::string("1") + kByMemory);
  EXPECT_EQ(with({500 * kMb, 1000 * kMb}, 1000 * kMb), std::string("1") + kByMemory);
  // Not known is the least that fits.
  EXPECT_EQ(with({0, 500 * kMb, 2000 * kMb}, 1000 * kMb), std::string("1") + kByMemory);
  EXPECT_EQ(with({2000 * kMb, 0}, 1000 * kMb), std::string("1") + kByMemory);
  // Of those that the machine does not have, the least.
  EXPECT_EQ(with({8000 * kMb, 2000 * kMb, 4000 * kMb}, 1000 * kMb), std::string("1") + kByMemory);
  // A machine that does not tell has everything.
  EXPECT_EQ(with({8000 * kMb, 2000 * kMb}, ~uint64_t{0}), std::string("0") + kByMemory);
}

TEST(ChooseVariantTest, TheFirstOfEquals) {
  EXPECT_EQ(Choose({{.memory_limit = 5}, {.memory_limit = 5}}),
            "0: the first of those that suit this machine best");
  EXPECT_EQ(Choose({{.memory_limit = 4}, {.memory_limit = 5}, {.memory_limit = 5}}),
            "1: the first of those that suit this machine best");
}

// The reason is about what was chosen, not about what was looked at on the way.
TEST(ChooseVariantTest, TheReasonIsOfTheChosen) {
  EXPECT_EQ(Choose({{.kernels = kForeign}, {.kernels = kForeign}, {.kernels = "scalar"}}),
            "2: its kernels suit this CPU best");
}

TEST(ChooseVariantTest, AnArenaThatFitsBeforeEverything) {
  EXPECT_EQ(
      Choose({{.kernels = "scalar", .arena = 1001 * kMb / 64 * 64 + 64}, {.kernels = "sve9"}}),
      "1: the only one whose arena fits this machine's memory");
  EXPECT_EQ(
      Choose({{.kernels = "sve9", .arena = 64000064}, {.kernels = "scalar", .arena = 64000000}},
             64000032),
      "1: the only one whose arena fits this machine's memory");
  // When none fits, the other rules decide, and allocating tells.
  EXPECT_EQ(Choose({{.kernels = "sve9"}, {.kernels = "scalar"}}, 1),
            "1: its kernels suit this CPU best");
}

TEST(ChooseVariantTest, OnlyThoseWithTheEntry) {
  const std::vector<Device> devices = {{.kernels = "scalar"}, {.kernels = "sve9", .entry = "pool"}};
  EXPECT_EQ(Choose(devices, 1000 * kMb, "pool"), "1: the only one with this entry");
  EXPECT_EQ(Choose(devices, 1000 * kMb, "main"), "0: the only one with this entry");
  EXPECT_EQ(Choose(devices, 1000 * kMb, "none"), "0: its kernels suit this CPU best");
}

TEST(ChooseVariantTest, PhysicalMemoryIsSane) {
  EXPECT_GE(PhysicalMemory(), uint64_t{64} << 20);
  EXPECT_LE(PhysicalMemory(), uint64_t{1} << 50);
}

// --- through the C API -----------------------------------------------------------

gem_session_info_t InfoOf(gem_bundle_t* bundle, uint32_t variant) {
  gem_session_options_t options;
  gem_session_options_init(&options);
  EXPECT_EQ(options.variant, GEM_VARIANT_AUTO);
  options.variant = variant;
  gem_session_t* session = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_session_create(bundle, &options, &session, &error), GEM_STATUS_OK) << error.message;
  gem_session_info_t info = {};
  info.struct_size = sizeof(info);
  EXPECT_EQ(gem_session_info(session, &info), GEM_STATUS_OK);
  gem_session_close(session);
  return info;  // whose strings are the bundle's, or constants
}

TEST(VariantTest, SessionsTellWhichAndWhy) {
  const AlignedBytes bytes(BundleFor({{.kernels = kForeign}, {.kernels = "scalar"}, {}}));
  const BundlePtr bundle = OpenBundle(bytes);
  gem_session_info_t info = InfoOf(bundle.get(), GEM_VARIANT_AUTO);
  EXPECT_EQ(info.variant, 1u);
  EXPECT_STREQ(info.variant_device, "device 1");
  EXPECT_STREQ(info.variant_reason, "its kernels suit this CPU best");
  info = InfoOf(bundle.get(), 2);
  EXPECT_EQ(info.variant, 2u);
  EXPECT_STREQ(info.variant_device, "device 2");
  EXPECT_STREQ(info.variant_reason, "asked for");
}

TEST(VariantTest, RefusesAnIndexPastTheLast) {
  const AlignedBytes bytes(BundleFor({{}, {}}));
  const BundlePtr bundle = OpenBundle(bytes);
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.variant = 2;
  gem_session_t* session = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_session_create(bundle.get(), &options, &session, &error), GEM_STATUS_NOT_FOUND);
  EXPECT_THAT(std::string(error.message),
              HasSubstr("variant: expected less than the bundle's 2 variants, but got 2"));
}

// --- the field --------------------------------------------------------------------

TEST(VariantTest, KernelsAreOfFormatOneTwo) {
  for (const uint16_t minor : {0, 1}) {
    TinyGem gem;
    gem.builder.format_minor = minor;
    gem.builder.bundle().variants[0]->cpu_kernels = "neon";
    ExpectRefusal(gem.builder,
                  {"KernelsBeforeOneTwo",
                   "variant 0 (host): format version: expected at least 1.2, which brought "
                   "cpu_kernels, but got 1.|",
                   [](BundleBuilder&) {}});
  }
}

TEST(VariantTest, RefusesKernelsThatAreNoName) {
  TinyGem gem;
  gem.builder.format_minor = 2;
  gem.builder.bundle().variants[0]->cpu_kernels = "ne\non";
  ExpectRefusal(gem.builder,
                {"KernelsControl", "variant 0 (host): cpu_kernels: expected no control characters",
                 [](BundleBuilder&) {}});
  gem.builder.bundle().variants[0]->cpu_kernels = "\xff";
  ExpectRefusal(gem.builder, {"KernelsNoUtf8", "variant 0 (host): cpu_kernels: expected UTF-8",
                              [](BundleBuilder&) {}});
  // The object form does not write an empty string, so its length becomes 0 afterwards.
  gem.builder.bundle().variants[0]->cpu_kernels = "kernels-of-a-device";
  Bytes bytes = gem.builder.Build();
  const std::string name = "kernels-of-a-device";
  const auto found = std::search(bytes.begin(), bytes.end(), name.begin(), name.end());
  ASSERT_NE(found, bytes.end());
  std::fill(found - 4, found + static_cast<ptrdiff_t>(name.size()), 0);
  Rehash(bytes);
  const AlignedBytes aligned(bytes);
  gem_bundle_t* bundle = nullptr;
  gem_error_t error;
  EXPECT_EQ(gem_bundle_open_memory(aligned.data(), aligned.size(), nullptr, &bundle, &error),
            GEM_STATUS_CORRUPT);
  EXPECT_THAT(std::string(error.message), HasSubstr("cpu_kernels: expected at least one byte"));
}

}  // namespace
}  // namespace gem::test
