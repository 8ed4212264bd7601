/* The GEM runtime: opens a bundle (.gemb) and runs it.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *   gem_error_t error;
 *   gem_bundle_t* bundle = NULL;
 *   gem_session_t* session = NULL;
 *   if (gem_bundle_open("model.gemb", NULL, &bundle, &error) != GEM_STATUS_OK ||
 *       gem_session_create(bundle, NULL, &session, &error) != GEM_STATUS_OK ||
 *       gem_session_run_tokens(session, ids, count, &error) != GEM_STATUS_OK)
 *     return fail(error.message);
 *   gem_tensor_t logits;
 *   gem_session_output_by_role(session, GEM_ROLE_LOGITS, &logits, &error);
 *
 * Ownership: a create or open function gives the caller an object to be closed
 * with the matching close function; a bundle must outlive its sessions and its
 * tokenizers. Strings and tensors handed out belong to the object they came
 * from.
 *
 * Threads: a bundle may be used from any number of threads. A session belongs
 * to one thread at a time; only gem_session_cancel may be called beside it.
 *
 * Errors: functions that can fail return a gem_status_t and, when `out_error`
 * is not NULL, fill it with a message that says what was found, where, and what
 * was expected. No function aborts, throws or prints.
 *
 * Growth: options, infos, events and profiles begin with `struct_size`, which the
 * caller or an init function sets. Later versions of this header append fields
 * only; the runtime reads and writes no further than the caller's struct goes, and
 * takes defaults for what an older caller does not have. Options of a newer caller
 * must be zero where this runtime does not know them: what was asked for is never
 * ignored. The other structs stay as they are: gem_error_t, gem_tensor_t,
 * gem_allocator_t, gem_observer_t, gem_verifier_t, and gem_encoding_t of text.h.
 *
 * Numerics: for the same bundle and inputs the results are the same bits on
 * every CPU and for every number of threads (docs/adr/0003-numerics.md).
 */
#ifndef GEM_GEM_H
#define GEM_GEM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GEM_API __attribute__((visibility("default")))
#else
#define GEM_API
#endif

/* --- versions ------------------------------------------------------------- */

/* Of the bundle format: a runtime reads bundles of its own major version and of
 * a minor version up to its own. */
#define GEM_FORMAT_MAJOR 1
#define GEM_FORMAT_MINOR 2

/* The runtime's version, "MAJOR.MINOR.PATCH". */
GEM_API const char* gem_version(void);

/* --- errors --------------------------------------------------------------- */

typedef enum gem_status_t {
  GEM_STATUS_OK = 0,
  GEM_STATUS_INVALID_ARGUMENT = 1, /* the call is wrong */
  GEM_STATUS_NOT_FOUND = 2,        /* no such file, output, entry */
  GEM_STATUS_IO = 3,               /* the operating system refused */
  GEM_STATUS_CORRUPT = 4,          /* the bundle is damaged or not a bundle */
  GEM_STATUS_UNSUPPORTED = 5,      /* a newer format, an unknown kernel */
  GEM_STATUS_OUT_OF_MEMORY = 6,    /* an allocation failed */
  GEM_STATUS_OUT_OF_RANGE = 7,     /* a value of an input is out of its range */
  GEM_STATUS_CANCELLED = 8,        /* gem_session_cancel was called */
  GEM_STATUS_UNTRUSTED = 9,        /* unsigned, altered, or signed with another key */
} gem_status_t;

/* "OK", "INVALID_ARGUMENT", ... Never NULL. */
GEM_API const char* gem_status_name(gem_status_t status);

typedef struct gem_error_t {
  gem_status_t status;
  char message[500]; /* one line of UTF-8, NUL-terminated */
} gem_error_t;

/* --- memory --------------------------------------------------------------- */

/* Where the runtime takes its memory. All of it is taken while opening and
 * creating; running takes none. `allocate` returns NULL when there is none;
 * `alignment` is a power of two of at most 4096. */
typedef struct gem_allocator_t {
  void* self;
  void* (*allocate)(void* self, size_t size, size_t alignment);
  void (*release)(void* self, void* pointer, size_t size);
} gem_allocator_t;

/* --- observation ---------------------------------------------------------- */

typedef enum gem_event_kind_t {
  GEM_EVENT_MESSAGE = 0, /* a bundle was opened or a session created, or could not be */
  GEM_EVENT_COMMAND = 1, /* a command of a session's program has ended */
  GEM_EVENT_RUN = 2,     /* a run has ended, whatever its status */
} gem_event_kind_t;

/* Strings live as long as the call, but for `kernel`, `name` and `format`, which
 * live as long as the session. */
typedef struct gem_event_t {
  uint32_t struct_size;
  gem_event_kind_t kind;
  gem_status_t status;     /* of what has ended */
  const char* text;        /* MESSAGE: what was found and chosen, or the error; else "" */
  uint32_t command;        /* COMMAND: its number in the entry */
  const char* kernel;      /* COMMAND: "LINEAR_QUANTIZED", ...; RUN: the entry's name; else "" */
  const char* name;        /* COMMAND: where it came from; may be "" */
  const char* format;      /* COMMAND: of its weights: "int8", ...; "" without any */
  uint64_t begin_ns;       /* CLOCK_MONOTONIC, nanoseconds; only differences mean something */
  uint64_t end_ns;
} gem_event_t;

/* Who is told what happens. `event` is called on the thread that opens, creates or
 * runs, between commands; of the functions of the object that it is told about, it may
 * call gem_session_cancel only. An observer makes every command be timed; without one
 * nothing is. Every call of a run function with a session and data ends with one
 * event RUN, after those of the commands that ran. The struct is copied; `self` must
 * live as long as the object it is given to. See docs/observability.md. */
typedef struct gem_observer_t {
  void* self;
  void (*event)(void* self, const gem_event_t* event);
} gem_observer_t;

/* --- signatures ----------------------------------------------------------- */

#define GEM_PUBLIC_KEY_SIZE 32
#define GEM_SIGNATURE_SIZE 64

/* Checks Ed25519 signatures (RFC 8032). gem/signature.h has one, as a component of
 * its own; an application may bring its platform's. */
typedef struct gem_verifier_t {
  void* self;
  /* 1 when `signature` is that of `message` by the owner of `public_key`, else 0. */
  int32_t (*verify)(void* self, const uint8_t signature[GEM_SIGNATURE_SIZE], const void* message,
                    size_t size, const uint8_t public_key[GEM_PUBLIC_KEY_SIZE]);
} gem_verifier_t;

/* --- bundles -------------------------------------------------------------- */

typedef struct gem_bundle_t gem_bundle_t;

typedef enum gem_load_mode_t {
  /* Maps the file and uses the weights in place. The file must be neither
   * truncated nor rewritten while the bundle is open; replacing it by rename is
   * safe. Should it happen: a rewritten file gives other results, but makes nothing
   * read or write out of bounds; a truncated one is refused (IO) by the next run or
   * creation, but raises SIGBUS when a run is in progress. Use GEM_LOAD_COPY for a
   * file that others may write to. Keeps a descriptor of the file. */
  GEM_LOAD_MAP = 0,
  /* Reads the file into memory, which later changes of it cannot reach. Whole 2 MiB
   * of it are advised to be huge pages where the system has them (madvise), which
   * makes reading weights faster; loading takes longer than mapping. */
  GEM_LOAD_COPY = 1,
} gem_load_mode_t;

typedef enum gem_hash_check_t {
  /* Checks the hash of the program part only. With a public key this means
   * GEM_HASH_LAZY: what nobody checked is not trusted. */
  GEM_HASH_PROGRAM = 0,
  /* Also checks the hash of every segment before returning. */
  GEM_HASH_ALL = 1,
  /* Checks the hash of a segment before its first use: when the first session whose
   * program reads it, or the tokenizer, is created. */
  GEM_HASH_LAZY = 2,
} gem_hash_check_t;

/* Initialise with gem_bundle_options_init; NULL stands for the defaults. */
typedef struct gem_bundle_options_t {
  uint32_t struct_size; /* sizeof(gem_bundle_options_t), for later growth */
  gem_load_mode_t load_mode;
  gem_hash_check_t hash_check;
  const gem_allocator_t* allocator; /* NULL: the C library's */
  /* Threads that check hashes, the caller's included; 0 means 1. */
  uint32_t hash_threads;
  /* GEM_PUBLIC_KEY_SIZE bytes, or NULL: signatures are not looked at. With a key, a
   * bundle that is not signed with it is refused (UNTRUSTED) before anything else of
   * it is interpreted, and `verifier` must be given. Both are only used while
   * opening. */
  const uint8_t* public_key;
  const gem_verifier_t* verifier;
  const gem_observer_t* observer; /* of messages about this bundle; NULL: none */
} gem_bundle_options_t;

static inline void gem_bundle_options_init(gem_bundle_options_t* options) {
  if (options == NULL) return;
  memset(options, 0, sizeof(*options));
  options->struct_size = sizeof(*options);
}

/* Opens and verifies the bundle at `path`. */
GEM_API gem_status_t gem_bundle_open(const char* path, const gem_bundle_options_t* options,
                                     gem_bundle_t** out_bundle, gem_error_t* out_error);

/* Opens a bundle that lies in memory, aligned to 64 bytes. In GEM_LOAD_MAP mode
 * `data` must stay unchanged until the bundle is closed. */
GEM_API gem_status_t gem_bundle_open_memory(const void* data, size_t size,
                                            const gem_bundle_options_t* options,
                                            gem_bundle_t** out_bundle, gem_error_t* out_error);

/* Closes the bundle; NULL is allowed. */
GEM_API void gem_bundle_close(gem_bundle_t* bundle);

/* Facts about a bundle. Strings live as long as the bundle. */
typedef struct gem_bundle_info_t {
  uint32_t struct_size;     /* set by the caller */
  const char* producer;     /* the tool that wrote it, and its version */
  const char* model_name;
  const char* architecture; /* "gem", "bert", "bert-classifier" */
  uint64_t parameters;      /* of the source model */
  uint64_t file_size;       /* bytes */
  uint32_t format_major, format_minor;
  uint32_t variant_count;
  uint32_t label_count;     /* 0 when the bundle has no labels */
  uint32_t maximum_tokens;  /* per text, [CLS] and [SEP] included; 0: no text */
  int32_t padded;           /* 1: inputs are padded to maximum_tokens */
} gem_bundle_info_t;

GEM_API gem_status_t gem_bundle_info(const gem_bundle_t* bundle, gem_bundle_info_t* out_info);

/* The label of a class, or NULL when there is none. */
GEM_API const char* gem_bundle_label(const gem_bundle_t* bundle, uint32_t index);

/* The device a variant was compiled for, or NULL past the last variant. */
GEM_API const char* gem_bundle_variant_device(const gem_bundle_t* bundle, uint32_t index);

/* --- sessions ------------------------------------------------------------- */

/* The CPU kernels that are compiled in, best first, NULL past the last; and, when
 * `out_supported` is not NULL, whether this CPU runs them (1 or 0). */
GEM_API const char* gem_cpu_kernels(uint32_t index, int32_t* out_supported);

typedef struct gem_session_t gem_session_t;

/* The variant that suits this machine: see gem_session_options_t. */
#define GEM_VARIANT_AUTO 0xFFFFFFFFu

typedef struct gem_session_options_t {
  uint32_t struct_size;
  uint32_t thread_count; /* threads that compute, the caller's included; 1 */
  /* Index, or GEM_VARIANT_AUTO (the default). That takes, of the variants that have the
   * entry, whose arena fits the machine's memory and whose kernels are linked, those whose
   * kernels are the best that this CPU runs; of these the one for the device with the most
   * memory that this machine has too; and the first of equals. What is not known, or not
   * given on this machine, comes last (docs/artifact-format.md). gem_session_info says
   * which and why. */
  uint32_t variant;
  const char* entry;     /* NULL: the first entry */
  /* "scalar", "avx2", "avx512", "avx512vnni", "neon", "dotprod", "i8mm"; NULL: the
   * GEM_CPU environment variable, else the best this CPU has. */
  const char* cpu;
  const gem_allocator_t* allocator; /* NULL: the bundle's */
  const gem_observer_t* observer;   /* of this session's runs and commands; NULL: none */
} gem_session_options_t;

static inline void gem_session_options_init(gem_session_options_t* options) {
  if (options == NULL) return;
  memset(options, 0, sizeof(*options));
  options->struct_size = sizeof(*options);
  options->thread_count = 1;
  options->variant = GEM_VARIANT_AUTO;
}

/* Creates a session and takes all memory it will ever need. */
GEM_API gem_status_t gem_session_create(gem_bundle_t* bundle, const gem_session_options_t* options,
                                        gem_session_t** out_session, gem_error_t* out_error);

GEM_API void gem_session_close(gem_session_t* session);

typedef struct gem_session_info_t {
  uint32_t struct_size; /* set by the caller */
  const char* cpu;      /* the kernels in use: "avx512", ... */
  const char* cpu_reason; /* why: "best of this CPU", "GEM_CPU", "asked for" */
  uint32_t thread_count;
  uint64_t arena_bytes;   /* the planned arena */
  uint64_t session_bytes; /* everything the session allocated, arena included */
  uint32_t input_count, output_count;
  uint32_t variant;           /* index in the bundle */
  const char* variant_device; /* "raspberry-pi-4" */
  const char* variant_reason; /* "asked for", "the only one", or why it suits best */
} gem_session_info_t;

GEM_API gem_status_t gem_session_info(const gem_session_t* session, gem_session_info_t* out_info);

/* --- tensors -------------------------------------------------------------- */

typedef enum gem_element_type_t {
  GEM_ELEMENT_INVALID = 0,
  GEM_ELEMENT_F32 = 1,
  GEM_ELEMENT_U8 = 5,
  GEM_ELEMENT_I32 = 7,
} gem_element_type_t;

typedef enum gem_role_t {
  GEM_ROLE_NONE = 0,
  GEM_ROLE_TOKEN_IDS = 1,     /* i32 [n] */
  GEM_ROLE_TOKEN_COUNT = 2,   /* i32 [1]: the real tokens of a padded input */
  GEM_ROLE_LOGITS = 3,        /* f32 [classes] */
  GEM_ROLE_ROUTED = 4,        /* u8 [n]: 1 where a token was routed */
  GEM_ROLE_CLUSTER = 5,       /* i32 [n]: a token's cluster */
  GEM_ROLE_HIDDEN_STATES = 6, /* f32 [n, hidden] */
  GEM_ROLE_CLS = 7,           /* f32 [1, hidden] */
  GEM_ROLE_ACTIVATION = 8,    /* an intermediate value, for calibration */
} gem_role_t;

#define GEM_MAX_RANK 4

/* A row-major tensor. An output's `data` points into the session and is good
 * until the next run or close. Before the first run, dimensions bound at run
 * time are given at their maximum and `data` is NULL. */
typedef struct gem_tensor_t {
  const char* name;
  gem_role_t role;
  gem_element_type_t element_type;
  uint32_t rank;
  uint32_t dims[GEM_MAX_RANK];
  const void* data;
  size_t size; /* bytes */
} gem_tensor_t;

/* Describes the input or output at `index`, NOT_FOUND past the last. */
GEM_API gem_status_t gem_session_input(const gem_session_t* session, uint32_t index,
                                       gem_tensor_t* out_tensor, gem_error_t* out_error);
GEM_API gem_status_t gem_session_output(const gem_session_t* session, uint32_t index,
                                        gem_tensor_t* out_tensor, gem_error_t* out_error);

/* The first output with `role`. */
GEM_API gem_status_t gem_session_output_by_role(const gem_session_t* session, gem_role_t role,
                                                gem_tensor_t* out_tensor, gem_error_t* out_error);

/* Copies an input in. `dims` has the input's rank; extents bound at run time
 * must lie in their range and agree between inputs of one run. Integer values
 * out of the input's range are refused by position. */
GEM_API gem_status_t gem_session_set_input(gem_session_t* session, uint32_t index, const void* data,
                                           const uint32_t* dims, uint32_t rank,
                                           gem_error_t* out_error);

/* Runs the entry on the inputs that were set. Takes no memory. */
GEM_API gem_status_t gem_session_run(gem_session_t* session, gem_error_t* out_error);

/* Sets the token inputs (padding them, and giving their count, where the
 * program wants that) and runs. Needs an input of role TOKEN_IDS. `count` lies
 * between the program's minimum and maximum number of tokens. */
GEM_API gem_status_t gem_session_run_tokens(gem_session_t* session, const int32_t* ids,
                                            uint32_t count, gem_error_t* out_error);

/* Makes a run in progress on another thread return GEM_STATUS_CANCELLED soon;
 * without one, the next run returns it. */
GEM_API void gem_session_cancel(gem_session_t* session);

/* --- profiling ------------------------------------------------------------ */

/* What one command of the session's program cost, over the runs since profiling
 * was last switched on. Strings live as long as the session. */
typedef struct gem_command_profile_t {
  uint32_t struct_size;  /* set by the caller */
  const char* kernel;    /* "LINEAR_QUANTIZED", ... */
  const char* name;      /* where it came from: "encoder.layer.0.output"; may be "" */
  const char* format;    /* of its weights: "int8", "int4g32", "f32"; "" without any */
  uint64_t runs;
  uint64_t nanoseconds;  /* all runs together */
  uint64_t macs;         /* multiply-accumulates of the last run's extents */
  uint64_t weight_bytes; /* of constants that it reads */
} gem_command_profile_t;

/* Switches the timing of commands on (clearing what was counted) or off. Off, it
 * costs nothing. */
GEM_API void gem_session_profile(gem_session_t* session, int32_t on);

/* The profile of command `index`, NOT_FOUND past the last. */
GEM_API gem_status_t gem_session_command_profile(const gem_session_t* session, uint32_t index,
                                                 gem_command_profile_t* out_profile);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* GEM_GEM_H */
