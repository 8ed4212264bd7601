// Tests of BLAKE3 against known hashes and of its parts against the whole.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/core/Blake3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/kernels/Kernels.h"

namespace gem {
namespace {

// The input of the official test vectors: 0, 1, ... 250, 0, 1, ...
std::vector<uint8_t> Pattern(size_t size) {
  std::vector<uint8_t> data(size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i % 251);
  return data;
}

std::string Hex(const uint8_t* bytes) {
  std::string text;
  for (size_t i = 0; i < kBlake3HashSize; ++i) {
    for (const int digit : {bytes[i] >> 4, bytes[i] & 15}) text += "0123456789abcdef"[digit];
  }
  return text;
}

std::string Hash(const std::vector<uint8_t>& data) {
  uint8_t out[kBlake3HashSize];
  Blake3(data.data(), data.size(), out);
  return Hex(out);
}

// Made with llvm::BLAKE3 of LLVM 19, an independent implementation.
const struct {
  size_t size;
  const char* hash;
} kKnown[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {2, "7b7015bb92cf0b318037702a6cdd81dee41224f734684c2c122cd6359cb1ee63"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
    {127, "d81293fda863f008c09e92fc382a81f5a0b4a1251cba1634016a0f86a6bd640d"},
    {128, "f17e570564b26578c33bb7f44643f539624b05df1a76c81f30acd548c44b45ef"},
    {129, "683aaae9f3c5ba37eaaf072aed0f9e30bac0865137bae68b1fde4ca2aebdcb12"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
    {2048, "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
    {3072, "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2"},
    {3073, "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"},
    {4096, "015094013f57a5277b59d8475c0501042c0b642e531b0a1c8f58d2163229e969"},
    {4097, "9b4052b38f1c5fc8b1f9ff7ac7b27cd242487b3d890d15c96a1c25b8aa0fb995"},
    {5120, "9cadc15fed8b5d854562b26a9536d9707cadeda9b143978f319ab34230535833"},
    {5121, "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff"},
    {6144, "3e2e5b74e048f3add6d21faab3f83aa44d3b2278afb83b80b3c35164ebeca205"},
    {6145, "f1323a8631446cc50536a9f705ee5cb619424d46887f3c376c695b70e0f0507f"},
    {7168, "61da957ec2499a95d6b8023e2b0e604ec7f6b50e80a9678b89d2628e99ada77a"},
    {7169, "a003fc7a51754a9b3c7fae0367ab3d782dccf28855a03d435f8cfe74605e7817"},
    {8192, "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {16384, "f875d6646de28985646f34ee13be9a576fd515f76b5b0a26bb324735041ddde4"},
    {31744, "62b6960e1a44bcc1eb1a611a8d6235b6b4b78f32e7abc4fb4c6cdcce94895c47"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
    {262144, "d57dc906e20d3fd326ffaa85535500486f46a0979f5a323f028dcabfd381fd4a"},
    {262145, "531c319935cf78f34869faebd865e5748266b1799039103bfb851a680d9ed30c"},
    {1048576, "74cb441fd087764ca9c3694da742ebe30cbeb3060a17009ca81825c7a8d10343"},
    {1048577, "2f053cd7472cf0cd2f9adaf45c1180255b91b9a865404a63671a0ee5f792ed33"},
    {3670016, "42c354cb8a308c53ab9bb57d4fdbb098be50cae26583222b48fc97334593eb62"},
};

TEST(Blake3, KnownHashes) {
  EXPECT_EQ(Hash({}), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  for (const auto& known : kKnown) EXPECT_EQ(Hash(Pattern(known.size)), known.hash) << known.size;
}

TEST(Blake3, AnyAddress) {
  const std::vector<uint8_t> data = Pattern(20000);
  const std::string expected = Hash(data);
  for (size_t shift = 1; shift < 70; shift += 3) {
    std::vector<uint8_t> moved(data.size() + shift);
    std::memcpy(moved.data() + shift, data.data(), data.size());
    uint8_t out[kBlake3HashSize];
    Blake3(moved.data() + shift, data.size(), out);
    EXPECT_EQ(Hex(out), expected);
  }
}

TEST(Blake3, UpdatesOfAnySize) {
  uint32_t random = 1;
  const auto below = [&](uint32_t bound) {
    random = random * 1664525u + 1013904223u;
    return (random >> 8) % bound;
  };
  for (const auto& known : kKnown) {
    const std::vector<uint8_t> data = Pattern(known.size);
    for (const uint32_t largest : {70u, 1500u, 40000u, 700000u}) {
      if (known.size > 500 * size_t{largest}) continue;
      Blake3Hasher hasher;
      uint8_t out[kBlake3HashSize];
      for (size_t at = 0; at < data.size();) {
        const size_t take = std::min<size_t>(below(largest), data.size() - at);
        hasher.Update(data.data() + at, take);
        at += take;
        if (below(8) == 0) hasher.Finish(out);  // does not disturb what follows
      }
      hasher.Finish(out);
      EXPECT_EQ(Hex(out), known.hash) << known.size << " in pieces of up to " << largest;
    }
  }
}

// Finishing at every size, without starting again.
TEST(Blake3, EveryPrefix) {
  const std::vector<uint8_t> data = Pattern(5000);
  Blake3Hasher hasher;
  for (size_t size = 0; size < data.size(); ++size) {
    uint8_t whole[kBlake3HashSize], prefix[kBlake3HashSize];
    Blake3(data.data(), size, whole);
    hasher.Finish(prefix);
    ASSERT_EQ(std::memcmp(whole, prefix, sizeof whole), 0) << size;
    hasher.Update(&data[size], 1);
  }
}

TEST(Blake3, LeavesMakeTheWhole) {
  constexpr size_t kMiB = kBlake3LeafSize;
  for (const size_t size : {kMiB + 1, 2 * kMiB - 1, 2 * kMiB, 2 * kMiB + 1, 3 * kMiB + 5000,
                            7 * kMiB / 2, 5 * kMiB, 8 * kMiB, 9 * kMiB + 1024}) {
    const std::vector<uint8_t> data = Pattern(size);
    const size_t leaves = (size + kMiB - 1) / kMiB;
    std::vector<uint8_t> values(leaves * kBlake3HashSize);
    for (size_t leaf = leaves; leaf-- > 0;) {  // in any order
      Blake3LeafValue(data.data() + leaf * kMiB, std::min(kMiB, size - leaf * kMiB), leaf,
                      &values[leaf * kBlake3HashSize]);
    }
    uint8_t out[kBlake3HashSize];
    Blake3MergeLeaves(reinterpret_cast<uint8_t(*)[kBlake3HashSize]>(values.data()), leaves, out);
    EXPECT_EQ(Hex(out), Hash(data)) << size;
  }
}

// A flipped bit anywhere changes the hash.
TEST(Blake3, EveryByteCounts) {
  std::vector<uint8_t> data = Pattern(66000);
  const std::string hash = Hash(data);
  for (size_t at = 0; at < data.size(); at += at < 2200 ? 1 : 401) {
    data[at] ^= 0x10;
    EXPECT_NE(Hash(data), hash) << at;
    data[at] ^= 0x10;
  }
}

// All ISAs hash alike, any number of inputs, chunk numbers over 2^32 included.
TEST(Blake3, LanesAgree) {
  size_t count = 0;
  const CpuKernels* const* all = AllCpuKernels(&count);
  const Blake3Lanes& scalar = *all[count - 1]->blake3;
  const std::vector<uint8_t> data = Pattern(16 * kBlake3ChunkSize);
  for (const uint64_t first : {uint64_t{0}, uint64_t{5}, (uint64_t{1} << 32) - 3}) {
    std::vector<uint8_t> expected(16 * kBlake3HashSize), parents(8 * kBlake3HashSize);
    for (size_t i = 0; i < 16; ++i) {
      scalar.chunks(&data[i * kBlake3ChunkSize], 1, first + i, &expected[i * kBlake3HashSize]);
    }
    for (size_t i = 0; i < 8; ++i) {
      scalar.parents(&expected[2 * i * kBlake3HashSize], 1, &parents[i * kBlake3HashSize]);
    }
    for (size_t isa = 0; isa < count; ++isa) {
      if (!all[isa]->supported()) continue;
      const Blake3Lanes& lanes = *all[isa]->blake3;
      for (size_t inputs = 1; inputs <= lanes.lanes; ++inputs) {
        std::vector<uint8_t> out(inputs * kBlake3HashSize);
        lanes.chunks(data.data(), inputs, first, out.data());
        EXPECT_EQ(std::memcmp(out.data(), expected.data(), out.size()), 0)
            << all[isa]->name << ", " << inputs << " chunks";
        if (inputs > 8) continue;
        lanes.parents(expected.data(), inputs, out.data());
        EXPECT_EQ(std::memcmp(out.data(), parents.data(), out.size()), 0)
            << all[isa]->name << ", " << inputs << " parents";
      }
    }
  }
}

}  // namespace
}  // namespace gem
