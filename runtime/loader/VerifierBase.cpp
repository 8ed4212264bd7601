// What the parts of the semantic verifier share: where they are, and refusing.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "runtime/loader/VerifierBase.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/loader/Verifier.h"

namespace gem {

using schema::DimKind;
using schema::ElementType;

const char* VerifierBase::Name(ElementType type) {
  return type <= ElementType::MAX ? schema::EnumNameElementType(type) : "?";
}

// --- messages ----------------------------------------------------------------

bool VerifierBase::RefusePackedV(gem_status_t status, const char* packed, va_list arguments) {
  char where[256];
  size_t used = 0;
  auto append = [&](const char* piece, auto... values) {
    if (used >= sizeof(where)) return;
    const int written = snprintf(where + used, sizeof(where) - used, piece, values...);
    if (written > 0) used += static_cast<size_t>(written);
  };
  where[0] = '\0';
  if (variant_ != nullptr) {
    append("variant %u (%.40s): ", variant_index_, variant_->device->c_str());
  }
  if (entry_ != nullptr) append("entry '%.40s': ", entry_->name->c_str());
  if (command_ != nullptr) {
    const String* name = command_->name;
    append("command %u (%s%s%.48s): ", command_index_, kernel_name_, name == nullptr ? "" : " ",
           name == nullptr ? "" : name->c_str());
  }
  char what[400];
  FormatPacked(what, sizeof(what), packed, arguments);
  status_ = Fail(error_, status, "%s%s"_msg, where, what);
  return false;
}

bool VerifierBase::RefusePacked(const char* packed, ...) {
  va_list arguments;
  va_start(arguments, packed);
  RefusePackedV(GEM_STATUS_CORRUPT, packed, arguments);
  va_end(arguments);
  return false;
}

bool VerifierBase::RefusePackedAs(gem_status_t status, const char* packed, ...) {
  va_list arguments;
  va_start(arguments, packed);
  RefusePackedV(status, packed, arguments);
  va_end(arguments);
  return false;
}

bool VerifierBase::OutOfMemory() {
  status_ = Fail(error_, GEM_STATUS_OUT_OF_MEMORY, "no memory for verifying the program"_msg);
  return false;
}

bool VerifierBase::VerifyIsSince(unsigned minor, const char* feature) {
  if (preamble_.format_minor >= minor) return true;
  return Refuse("format version: expected at least 1.%u, which brought %s, but got 1.%u"_msg, minor,
                feature, preamble_.format_minor);
}

bool VerifierBase::VerifyHash(uint32_t segment) {
  if (hashes_ != nullptr) status_ = hashes_->Check(segment, error_);
  return status_ == GEM_STATUS_OK;
}

bool VerifierBase::Spend(uint64_t steps) {
  if (steps <= kMaxVerifierSteps - *steps_) {
    *steps_ += steps;
    return true;
  }
  return Refuse(
      "program: expected at most %llu bytes of strings, entries of maps and buffers to look at, "
      "but its tables share so many that there are more"_msg,
      kMaxVerifierSteps);
}

const char* VerifierBase::Spell(const schema::Dim& dim, char (&text)[48]) const {
  if (dim.kind() == DimKind::CONSTANT) {
    snprintf(text, sizeof(text), "%u", dim.value());
  } else {
    snprintf(text, sizeof(text), "symbol '%.32s'", program_->symbols[dim.value()].name->c_str());
  }
  return text;
}

// --- strings and names -------------------------------------------------------

bool VerifierBase::VerifyString(const String* string, bool may_be_empty, const char* field) {
  if (string == nullptr) return true;
  const char* text = string->c_str();
  const size_t size = string->size();
  if (!Spend(size)) return false;
  if (size == 0 && !may_be_empty) {
    return Refuse("%s: expected at least one byte, but got an empty string"_msg, field);
  }
  for (size_t i = 0; i < size;) {
    const unsigned length = Utf8SequenceLength(text + i, size - i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      return Refuse("%s: expected UTF-8, but got byte 0x%02x at position %zu"_msg, field, byte, i);
    }
    if (length == 1 && (byte < 0x20 || byte == 0x7F)) {
      return Refuse("%s: expected no control characters, but got 0x%02x at position %zu"_msg, field,
                    byte, i);
    }
    i += length;
  }
  return true;
}

// Sorts rather than compares all pairs: a hostile bundle has many names.
bool VerifierBase::VerifyUniqueNames(Array<const void*>* names, const char* what) {
  const auto text = [](const void* name) { return static_cast<const String*>(name)->c_str(); };
  for (size_t i = 0; i < names->size(); ++i) {
    char field[64];
    snprintf(field, sizeof(field), "%s %zu: name", what, i);
    if (!VerifyString(static_cast<const String*>((*names)[i]), false, field)) return false;
  }
  Sort(names, [](const void* a, const void* b) {
    return strcmp(static_cast<const String*>(a)->c_str(), static_cast<const String*>(b)->c_str()) <
           0;
  });
  for (size_t i = 1; i < names->size(); ++i) {
    if (strcmp(text((*names)[i - 1]), text((*names)[i])) == 0) {
      return Refuse("%s names: expected unique names, but got '%.48s' twice"_msg, what,
                    text((*names)[i]));
    }
  }
  return true;
}

void VerifierBase::Sort(Array<const void*>* items, Less less) {
  std::make_heap(items->begin(), items->end(), less);
  std::sort_heap(items->begin(), items->end(), less);
}

}  // namespace gem
