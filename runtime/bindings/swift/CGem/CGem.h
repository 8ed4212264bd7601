/* All headers of the runtime that there are, for module.modulemap.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef GEM_BINDINGS_SWIFT_CGEM_H
#define GEM_BINDINGS_SWIFT_CGEM_H

#include <gem/gem.h>
#include <gem/text.h>
#if __has_include(<gem/signature.h>)
#include <gem/signature.h>
#endif

#endif /* GEM_BINDINGS_SWIFT_CGEM_H */
