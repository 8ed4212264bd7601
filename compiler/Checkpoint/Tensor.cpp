// Reading the elements of strided tensors.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/CheckpointBuilder.h"
#include "compiler/Checkpoint/Diagnostics.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <numeric>
#include <sys/mman.h>
#include <unistd.h>

namespace gem::checkpoint {

/// Copies of more bytes than this lie in a temporary file.
static constexpr size_t kMaxMemoryCopy = 64u << 20;

size_t byteSize(DType dtype) {
  switch (dtype) {
  case DType::F64:
  case DType::I64:
    return 8;
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::F16:
  case DType::BF16:
  case DType::I16:
    return 2;
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return 1;
  }
  return 1;
}

const char *toString(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "f32";
  case DType::F16:
    return "f16";
  case DType::BF16:
    return "bf16";
  case DType::F64:
    return "f64";
  case DType::I64:
    return "i64";
  case DType::I32:
    return "i32";
  case DType::I16:
    return "i16";
  case DType::I8:
    return "i8";
  case DType::U8:
    return "u8";
  case DType::Bool:
    return "bool";
  }
  return "unknown";
}

std::optional<int64_t> checkedByteLength(DType dtype, const std::vector<int64_t> &shape) {
  // Dimensions of zero count as one here, so that a shape like [2^62, 2^62, 0]
  // is refused as well: its strides would not fit.
  int64_t bytes = static_cast<int64_t>(byteSize(dtype));
  bool empty = false;
  for (int64_t dimension : shape) {
    if (dimension < 0)
      return std::nullopt;
    empty |= dimension == 0;
    if (__builtin_mul_overflow(bytes, std::max<int64_t>(dimension, 1), &bytes))
      return std::nullopt;
  }
  return empty ? 0 : bytes;
}

std::vector<int64_t> contiguousStrides(const std::vector<int64_t> &shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

int64_t Tensor::numElements() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

size_t Tensor::byteLength() const { return static_cast<size_t>(numElements()) * byteSize(dtype); }

bool Tensor::isContiguous() const {
  if (numElements() == 0)
    return true;
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected)
      return false;
    expected *= shape[i];
  }
  return true;
}

bool Tensor::isAligned() const { return reinterpret_cast<uintptr_t>(data) % byteSize(dtype) == 0; }

std::string describeShape(const std::vector<int64_t> &shape) {
  std::string result = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    absl::StrAppend(&result, i ? "," : "", shape[i]);
  return result + "]";
}

std::string describe(const Tensor &tensor) {
  return toString(tensor.dtype) + describeShape(tensor.shape);
}

template <typename Element>
static void copyStrided(const Tensor &tensor, int64_t first, int64_t count, char *out) {
  const size_t rank = tensor.shape.size();
  std::vector<int64_t> index(rank);
  int64_t rest = first, position = 0;
  for (size_t i = rank; i-- > 0;) {
    index[i] = rest % tensor.shape[i];
    rest /= tensor.shape[i];
    position += index[i] * tensor.strides[i];
  }
  for (int64_t done = 0; done < count;) {
    // One row of the innermost dimension at a time.
    int64_t length = std::min(count - done, tensor.shape[rank - 1] - index[rank - 1]);
    int64_t stride = tensor.strides[rank - 1];
    const char *from = tensor.data + position * static_cast<int64_t>(sizeof(Element));
    for (int64_t i = 0; i < length; ++i)
      std::memcpy(out + (done + i) * static_cast<int64_t>(sizeof(Element)),
                  from + i * stride * static_cast<int64_t>(sizeof(Element)), sizeof(Element));
    done += length;
    index[rank - 1] += length;
    position += length * stride;
    for (size_t i = rank - 1; i > 0 && index[i] == tensor.shape[i]; --i) {
      position += tensor.strides[i - 1] - tensor.shape[i] * tensor.strides[i];
      index[i] = 0;
      ++index[i - 1];
    }
  }
}

void readRaw(const Tensor &tensor, int64_t firstElement, int64_t count, char *out) {
  if (count <= 0)
    return;
  const size_t size = byteSize(tensor.dtype);
  if (tensor.isContiguous()) {
    std::memcpy(out, tensor.data + static_cast<size_t>(firstElement) * size,
                static_cast<size_t>(count) * size);
    return;
  }
  switch (size) {
  case 1:
    return copyStrided<uint8_t>(tensor, firstElement, count, out);
  case 2:
    return copyStrided<uint16_t>(tensor, firstElement, count, out);
  case 4:
    return copyStrided<uint32_t>(tensor, firstElement, count, out);
  default:
    return copyStrided<uint64_t>(tensor, firstElement, count, out);
  }
}

static float widenHalf(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  if (exponent == 31)
    return std::bit_cast<float>(sign | 0x7F800000 | mantissa << 13);
  if (exponent != 0)
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  // Zero and subnormals: mantissa * 2^-24, exact in f32.
  float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -magnitude : magnitude;
}

template <typename Element, typename Widen>
static void widenAll(const char *in, int64_t count, float *out, Widen widen) {
  for (int64_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, in + i * static_cast<int64_t>(sizeof(Element)), sizeof(Element));
    out[i] = widen(element);
  }
}

absl::Status readAsF32(const Tensor &tensor, int64_t firstElement, int64_t count, float *out) {
  if (firstElement < 0 || count < 0 || firstElement > tensor.numElements() ||
      count > tensor.numElements() - firstElement)
    return absl::OutOfRangeError(absl::StrCat(quote(tensor.name), ": elements ", firstElement,
                                              " to ", firstElement, " + ", count, " of ",
                                              describe(tensor)));
  if (tensor.dtype == DType::F64 || tensor.dtype == DType::I64 || tensor.dtype == DType::I32)
    return absl::InvalidArgumentError(absl::StrCat(quote(tensor.name), ": found ", describe(tensor),
                                                   ", which f32 cannot hold exactly"));
  constexpr int64_t kChunk = 16384;
  const bool contiguous = tensor.isContiguous();
  const size_t size = byteSize(tensor.dtype);
  std::vector<char> buffer;
  for (int64_t done = 0; done < count;) {
    int64_t length = std::min(kChunk, count - done);
    const char *in = tensor.data + static_cast<size_t>(firstElement + done) * size;
    if (!contiguous) {
      buffer.resize(static_cast<size_t>(kChunk) * size);
      readRaw(tensor, firstElement + done, length, buffer.data());
      in = buffer.data();
    }
    float *to = out + done;
    switch (tensor.dtype) {
    case DType::F32:
      std::memcpy(to, in, static_cast<size_t>(length) * sizeof(float));
      break;
    case DType::F16:
      widenAll<uint16_t>(in, length, to, widenHalf);
      break;
    case DType::BF16:
      widenAll<uint16_t>(in, length, to, [](uint16_t bits) {
        return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
      });
      break;
    case DType::I16:
      widenAll<int16_t>(in, length, to, [](int16_t value) { return static_cast<float>(value); });
      break;
    case DType::I8:
      widenAll<int8_t>(in, length, to, [](int8_t value) { return static_cast<float>(value); });
      break;
    default: // U8, Bool
      widenAll<uint8_t>(in, length, to, [](uint8_t value) { return static_cast<float>(value); });
      break;
    }
    done += length;
  }
  return absl::OkStatus();
}

/// Writable memory that the kernel can write back to an unlinked file.
static absl::StatusOr<std::shared_ptr<char>> allocateEvictable(size_t size) {
  const char *folder = std::getenv("TMPDIR");
  std::string path = std::string(folder && *folder ? folder : "/tmp") + "/gem-tensor-XXXXXX";
  auto refuse = [&](int error) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot set up ", size,
                                               " bytes of temporary space (set TMPDIR to a folder "
                                               "that has them): ",
                                               std::strerror(error)));
  };
  int descriptor = ::mkstemp(path.data());
  if (descriptor < 0)
    return refuse(errno);
  ::unlink(path.c_str());
  // Reserving the blocks now turns a full disk into an error instead of SIGBUS.
  if (int error = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size)); error != 0) {
    ::close(descriptor);
    return refuse(error);
  }
  void *address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  int error = errno;
  ::close(descriptor);
  if (address == MAP_FAILED)
    return refuse(error);
  return std::shared_ptr<char>(static_cast<char *>(address),
                               [size](char *memory) { ::munmap(memory, size); });
}

absl::StatusOr<Tensor> materialize(const Tensor &tensor) {
  if (tensor.isContiguous() && tensor.isAligned())
    return tensor;
  Tensor result = tensor;
  result.strides = contiguousStrides(tensor.shape);
  result.storageBytes = tensor.byteLength();
  result.fileBacked = result.storageBytes > kMaxMemoryCopy;
  std::shared_ptr<char> memory;
  if (result.fileBacked) {
    absl::StatusOr<std::shared_ptr<char>> mapped = allocateEvictable(result.storageBytes);
    if (!mapped.ok())
      return mapped.status();
    memory = *std::move(mapped);
  } else {
    // operator new aligns for every element type.
    memory.reset(new char[std::max<size_t>(result.storageBytes, 1)], std::default_delete<char[]>());
  }
  readRaw(tensor, 0, tensor.numElements(), memory.get());
  result.data = memory.get();
  result.owner = std::move(memory);
  return result;
}

void dropPages(const Tensor &tensor) {
  if (tensor.fileBacked)
    dropMappedPages(tensor.data, tensor.storageBytes);
}

} // namespace gem::checkpoint
