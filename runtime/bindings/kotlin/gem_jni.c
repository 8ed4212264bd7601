/* The native methods of gem.Native (Native.java): checks nothing that Java checked,
 * turns statuses into gem.GemException.
 *
 * Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Strings go both ways as UTF-8 in byte arrays: what JNI calls UTF-8 is not, and a
 * bundle's strings are not this library's to vouch for.
 */
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#include "gem/gem.h"
#ifdef GEM_WITH_TEXT
#include "gem/text.h"
#endif
#ifdef GEM_WITH_SIGNATURE
#include "gem/signature.h"
#endif

#define NATIVE(type, name) JNIEXPORT type JNICALL Java_gem_Native_##name

/* --- errors ---------------------------------------------------------------- */

/* Bytes of Java, NULL with an exception pending when there is no memory. */
static jbyteArray bytes_of(JNIEnv* env, const char* text, size_t size) {
  jbyteArray array = (*env)->NewByteArray(env, (jsize)size);
  if (array != NULL) (*env)->SetByteArrayRegion(env, array, 0, (jsize)size, (const jbyte*)text);
  return array;
}

static jbyteArray string_of(JNIEnv* env, const char* text) {
  return text != NULL ? bytes_of(env, text, strlen(text)) : NULL;
}

/* Throws GemException, unless an exception (of a callback) is pending already. */
static void throw_error(JNIEnv* env, gem_status_t status, const char* message) {
  if ((*env)->ExceptionCheck(env)) return;
  jclass type = (*env)->FindClass(env, "gem/GemException");
  if (type == NULL) return;
  jmethodID make = (*env)->GetMethodID(env, type, "<init>", "(I[B)V");
  jbyteArray text = make != NULL ? string_of(env, message) : NULL;
  if (text == NULL) return;
  jthrowable error = (*env)->NewObject(env, type, make, (jint)status, text);
  if (error != NULL) (*env)->Throw(env, error);
}

static int check(JNIEnv* env, gem_status_t status, const gem_error_t* error) {
  if (status != GEM_STATUS_OK) throw_error(env, status, error->message);
  return status == GEM_STATUS_OK && !(*env)->ExceptionCheck(env);
}

/* --- callbacks ---------------------------------------------------------------- */

/* An object of Java that the runtime calls, on the thread that called the runtime. */
typedef struct callback_t {
  JavaVM* vm;
  jobject object; /* a global reference */
  jmethodID method;
} callback_t;

static JNIEnv* env_of(const callback_t* callback) {
  void* env = NULL;
  (*callback->vm)->GetEnv(callback->vm, &env, JNI_VERSION_1_6);
  return env;
}

/* False with an exception pending. A NULL object gives a callback that is unset. */
static int callback_init(JNIEnv* env, callback_t* callback, jobject object, const char* name,
                         const char* signature) {
  memset(callback, 0, sizeof(*callback));
  if (object == NULL) return 1;
  jclass type = (*env)->GetObjectClass(env, object);
  callback->method = (*env)->GetMethodID(env, type, name, signature);
  if (callback->method == NULL || (*env)->GetJavaVM(env, &callback->vm) != JNI_OK) return 0;
  callback->object = (*env)->NewGlobalRef(env, object);
  return callback->object != NULL;
}

static void callback_release(JNIEnv* env, callback_t* callback) {
  if (callback->object != NULL) (*env)->DeleteGlobalRef(env, callback->object);
  callback->object = NULL;
}

static void on_event(void* self, const gem_event_t* event) {
  const callback_t* callback = self;
  JNIEnv* env = env_of(callback);
  /* One that threw is told no more; the call that it is in throws when it returns. */
  if (env == NULL || (*env)->ExceptionCheck(env)) return;
  if ((*env)->PushLocalFrame(env, 8) != 0) return;
  jbyteArray text = string_of(env, event->text);
  jbyteArray kernel = string_of(env, event->kernel);
  jbyteArray name = string_of(env, event->name);
  jbyteArray format = string_of(env, event->format);
  if (!(*env)->ExceptionCheck(env)) {
    (*env)->CallVoidMethod(env, callback->object, callback->method, (jint)event->kind,
                           (jint)event->status, text, (jint)event->command, kernel, name, format,
                           (jlong)event->begin_ns, (jlong)event->end_ns);
  }
  (*env)->PopLocalFrame(env, NULL);
}

#define EVENT_SIGNATURE "(II[BI[B[B[BJJ)V"

static int32_t on_verify(void* self, const uint8_t signature[GEM_SIGNATURE_SIZE],
                         const void* message, size_t size,
                         const uint8_t public_key[GEM_PUBLIC_KEY_SIZE]) {
  const callback_t* callback = self;
  JNIEnv* env = env_of(callback);
  if (env == NULL || (*env)->ExceptionCheck(env)) return 0;
  if ((*env)->PushLocalFrame(env, 8) != 0) return 0;
  jbyteArray arrays[3] = {bytes_of(env, (const char*)signature, GEM_SIGNATURE_SIZE),
                          bytes_of(env, message, size),
                          bytes_of(env, (const char*)public_key, GEM_PUBLIC_KEY_SIZE)};
  jboolean good = JNI_FALSE;
  if (!(*env)->ExceptionCheck(env)) {
    good = (*env)->CallBooleanMethod(env, callback->object, callback->method, arrays[0], arrays[1],
                                     arrays[2]);
    if ((*env)->ExceptionCheck(env)) good = JNI_FALSE;
  }
  (*env)->PopLocalFrame(env, NULL);
  return good ? 1 : 0;
}

/* --- helpers ---------------------------------------------------------------------- */

/* A copy of bytes of Java as a C string, NULL for null; release with free. `*failed` is
 * set, with an exception pending, when there is no memory. */
static char* c_string(JNIEnv* env, jbyteArray array, int* failed) {
  if (array == NULL) return NULL;
  const jsize size = (*env)->GetArrayLength(env, array);
  char* text = malloc((size_t)size + 1);
  if (text == NULL) {
    *failed = 1;
    throw_error(env, GEM_STATUS_OUT_OF_MEMORY, "no memory for a string");
    return NULL;
  }
  (*env)->GetByteArrayRegion(env, array, 0, size, (jbyte*)text);
  text[size] = '\0';
  return text;
}

static void set_strings(JNIEnv* env, jobjectArray out, const char* const* strings, jsize count) {
  for (jsize i = 0; i < count; ++i) {
    jbyteArray text = string_of(env, strings[i] != NULL ? strings[i] : "");
    if (text == NULL) return;
    (*env)->SetObjectArrayElement(env, out, i, text);
    (*env)->DeleteLocalRef(env, text);
  }
}

NATIVE(jbyteArray, version)(JNIEnv* env, jclass type) { return string_of(env, gem_version()); }

NATIVE(jbyteArray, statusName)(JNIEnv* env, jclass type, jint status) {
  return string_of(env, gem_status_name((gem_status_t)status));
}

NATIVE(jbyteArray, cpuKernels)(JNIEnv* env, jclass type, jint index, jintArray out_supported) {
  int32_t supported = 0;
  const char* name = gem_cpu_kernels((uint32_t)index, &supported);
  const jint value = supported;
  (*env)->SetIntArrayRegion(env, out_supported, 0, 1, &value);
  return string_of(env, name);
}

/* --- bundles ------------------------------------------------------------------------ */

typedef struct bundle_t {
  gem_bundle_t* bundle;
  callback_t observer;
} bundle_t;

NATIVE(void, bundleClose)(JNIEnv* env, jclass type, jlong handle) {
  bundle_t* self = (bundle_t*)(intptr_t)handle;
  gem_bundle_close(self->bundle);
  callback_release(env, &self->observer);
  free(self);
}

/* Opens the file `path` or, when that is null, the bytes of the direct `buffer`. */
NATIVE(jlong, bundleOpen)
(JNIEnv* env, jclass type, jbyteArray path, jobject buffer, jlong size, jint mode, jint hash_check,
 jint hash_threads, jbyteArray key, jobject verifier, jobject observer) {
  bundle_t* self = calloc(1, sizeof(*self));
  if (self == NULL) {
    throw_error(env, GEM_STATUS_OUT_OF_MEMORY, "no memory for a bundle");
    return 0;
  }
  gem_bundle_options_t options;
  gem_bundle_options_init(&options);
  options.load_mode = (gem_load_mode_t)mode;
  options.hash_check = (gem_hash_check_t)hash_check;
  options.hash_threads = (uint32_t)hash_threads;
  const gem_observer_t events = {&self->observer, on_event};
  if (observer != NULL) options.observer = &events;

  callback_t verify;
  const gem_verifier_t callback = {&verify, on_verify};
  uint8_t public_key[GEM_PUBLIC_KEY_SIZE];
  int good = callback_init(env, &verify, verifier, "verify", "([B[B[B)Z") &&
             callback_init(env, &self->observer, observer, "event", EVENT_SIGNATURE);
  if (good && key != NULL) {
    (*env)->GetByteArrayRegion(env, key, 0, GEM_PUBLIC_KEY_SIZE, (jbyte*)public_key);
    options.public_key = public_key;
    options.verifier = verifier != NULL ? &callback : NULL;
#ifdef GEM_WITH_SIGNATURE
    if (verifier == NULL) options.verifier = gem_ed25519_verifier();
#endif
  }
  int failed = 0;
  char* file = good ? c_string(env, path, &failed) : NULL;
  if (good && !failed) {
    gem_error_t error;
    const gem_status_t status =
        file != NULL ? gem_bundle_open(file, &options, &self->bundle, &error)
                     : gem_bundle_open_memory((*env)->GetDirectBufferAddress(env, buffer),
                                              (size_t)size, &options, &self->bundle, &error);
    good = check(env, status, &error);
  }
  free(file);
  callback_release(env, &verify);
  if (!good || failed) {
    Java_gem_Native_bundleClose(env, type, (jlong)(intptr_t)self);
    return 0;
  }
  return (jlong)(intptr_t)self;
}

static gem_bundle_t* bundle_of(jlong handle) { return ((bundle_t*)(intptr_t)handle)->bundle; }

NATIVE(void, bundleInfo)
(JNIEnv* env, jclass type, jlong handle, jobjectArray out_strings, jlongArray out_numbers) {
  gem_bundle_info_t info = {.struct_size = sizeof(info)};
  gem_bundle_info(bundle_of(handle), &info);
  const char* strings[] = {info.producer, info.model_name, info.architecture};
  const jlong numbers[] = {
      (jlong)info.parameters, (jlong)info.file_size, info.format_major,   info.format_minor,
      info.variant_count,     info.label_count,      info.maximum_tokens, info.padded};
  set_strings(env, out_strings, strings, 3);
  if ((*env)->ExceptionCheck(env)) return;
  (*env)->SetLongArrayRegion(env, out_numbers, 0, 8, numbers);
}

NATIVE(jbyteArray, bundleLabel)(JNIEnv* env, jclass type, jlong handle, jint index) {
  return string_of(env, gem_bundle_label(bundle_of(handle), (uint32_t)index));
}

NATIVE(jbyteArray, bundleVariantDevice)(JNIEnv* env, jclass type, jlong handle, jint index) {
  return string_of(env, gem_bundle_variant_device(bundle_of(handle), (uint32_t)index));
}

/* --- sessions ------------------------------------------------------------------------- */

typedef struct session_t {
  gem_session_t* session;
  callback_t observer;
} session_t;

static gem_session_t* session_of(jlong handle) { return ((session_t*)(intptr_t)handle)->session; }

NATIVE(void, sessionClose)(JNIEnv* env, jclass type, jlong handle) {
  session_t* self = (session_t*)(intptr_t)handle;
  gem_session_close(self->session);
  callback_release(env, &self->observer);
  free(self);
}

NATIVE(jlong, sessionCreate)
(JNIEnv* env, jclass type, jlong bundle, jint threads, jint variant, jbyteArray entry,
 jbyteArray cpu, jobject observer) {
  session_t* self = calloc(1, sizeof(*self));
  if (self == NULL) {
    throw_error(env, GEM_STATUS_OUT_OF_MEMORY, "no memory for a session");
    return 0;
  }
  int failed = 0;
  char* entry_name = c_string(env, entry, &failed);
  char* cpu_name = c_string(env, cpu, &failed);
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.thread_count = (uint32_t)threads;
  if ((uint32_t)variant != GEM_VARIANT_AUTO) options.variant = (uint32_t)variant;
  options.entry = entry_name;
  options.cpu = cpu_name;
  const gem_observer_t events = {&self->observer, on_event};
  if (observer != NULL) options.observer = &events;
  int good = !failed && callback_init(env, &self->observer, observer, "event", EVENT_SIGNATURE);
  if (good) {
    gem_error_t error;
    good =
        check(env, gem_session_create(bundle_of(bundle), &options, &self->session, &error), &error);
  }
  free(entry_name);
  free(cpu_name);
  if (!good) {
    Java_gem_Native_sessionClose(env, type, (jlong)(intptr_t)self);
    return 0;
  }
  return (jlong)(intptr_t)self;
}

NATIVE(void, sessionInfo)
(JNIEnv* env, jclass type, jlong handle, jobjectArray out_strings, jlongArray out_numbers) {
  gem_session_info_t info = {.struct_size = sizeof(info)};
  gem_session_info(session_of(handle), &info);
  const char* strings[] = {info.cpu, info.cpu_reason, info.variant_device, info.variant_reason};
  const jlong numbers[] = {info.thread_count, (jlong)info.arena_bytes, (jlong)info.session_bytes,
                           info.input_count,  info.output_count,       info.variant};
  set_strings(env, out_strings, strings, 4);
  if ((*env)->ExceptionCheck(env)) return;
  (*env)->SetLongArrayRegion(env, out_numbers, 0, 6, numbers);
}

/* `which`: 0 an input, 1 an output, 2 an output by role. `out_numbers`: role, element
 * type, rank, extents. Returns a view of the data, null before the first run. */
NATIVE(jobject, sessionTensor)
(JNIEnv* env, jclass type, jlong handle, jint which, jint index, jobjectArray out_name,
 jintArray out_numbers) {
  gem_session_t* session = session_of(handle);
  gem_tensor_t tensor;
  gem_error_t error;
  const gem_status_t status =
      which == 0   ? gem_session_input(session, (uint32_t)index, &tensor, &error)
      : which == 1 ? gem_session_output(session, (uint32_t)index, &tensor, &error)
                   : gem_session_output_by_role(session, (gem_role_t)index, &tensor, &error);
  if (!check(env, status, &error)) return NULL;
  const char* name[] = {tensor.name};
  set_strings(env, out_name, name, 1);
  if ((*env)->ExceptionCheck(env)) return NULL;
  jint numbers[3 + GEM_MAX_RANK] = {(jint)tensor.role, (jint)tensor.element_type,
                                    (jint)tensor.rank};
  for (uint32_t i = 0; i < tensor.rank; ++i) numbers[3 + i] = (jint)tensor.dims[i];
  (*env)->SetIntArrayRegion(env, out_numbers, 0, 3 + GEM_MAX_RANK, numbers);
  if (tensor.data == NULL) return NULL;
  /* Read-only once Java has it (Tensor.java). */
  return (*env)->NewDirectByteBuffer(env, (void*)(uintptr_t)tensor.data, (jlong)tensor.size);
}

NATIVE(void, sessionSetInput)
(JNIEnv* env, jclass type, jlong handle, jint index, jobject buffer, jlong offset, jintArray dims) {
  uint32_t extents[GEM_MAX_RANK] = {0};
  const jsize rank = (*env)->GetArrayLength(env, dims);
  if (rank > GEM_MAX_RANK) {
    throw_error(env, GEM_STATUS_INVALID_ARGUMENT, "dims: expected at most 4 extents");
    return;
  }
  (*env)->GetIntArrayRegion(env, dims, 0, rank, (jint*)extents);
  const char* data = (*env)->GetDirectBufferAddress(env, buffer);
  gem_error_t error;
  check(env,
        gem_session_set_input(session_of(handle), (uint32_t)index, data + offset, extents,
                              (uint32_t)rank, &error),
        &error);
}

NATIVE(void, sessionRun)(JNIEnv* env, jclass type, jlong handle) {
  gem_error_t error;
  check(env, gem_session_run(session_of(handle), &error), &error);
}

NATIVE(void, sessionRunTokens)
(JNIEnv* env, jclass type, jlong handle, jintArray ids, jint count) {
  /* A copy, or the garbage collector would wait for the run. */
  jint* tokens = (*env)->GetIntArrayElements(env, ids, NULL);
  if (tokens == NULL) return;
  gem_error_t error;
  const gem_status_t status =
      gem_session_run_tokens(session_of(handle), (const int32_t*)tokens, (uint32_t)count, &error);
  (*env)->ReleaseIntArrayElements(env, ids, tokens, JNI_ABORT);
  check(env, status, &error);
}

NATIVE(void, sessionCancel)(JNIEnv* env, jclass type, jlong handle) {
  gem_session_cancel(session_of(handle));
}

NATIVE(void, sessionProfile)(JNIEnv* env, jclass type, jlong handle, jboolean on) {
  gem_session_profile(session_of(handle), on ? 1 : 0);
}

NATIVE(jboolean, sessionCommandProfile)
(JNIEnv* env, jclass type, jlong handle, jint index, jobjectArray out_strings,
 jlongArray out_numbers) {
  gem_command_profile_t profile = {.struct_size = sizeof(profile)};
  if (gem_session_command_profile(session_of(handle), (uint32_t)index, &profile) != GEM_STATUS_OK) {
    return JNI_FALSE;
  }
  const char* strings[] = {profile.kernel, profile.name, profile.format};
  const jlong numbers[] = {(jlong)profile.runs, (jlong)profile.nanoseconds, (jlong)profile.macs,
                           (jlong)profile.weight_bytes};
  set_strings(env, out_strings, strings, 3);
  if ((*env)->ExceptionCheck(env)) return JNI_FALSE;
  (*env)->SetLongArrayRegion(env, out_numbers, 0, 4, numbers);
  return JNI_TRUE;
}

/* --- texts --------------------------------------------------------------------------- */

#ifdef GEM_WITH_TEXT

static gem_tokenizer_t* tokenizer_of(jlong handle) { return (gem_tokenizer_t*)(intptr_t)handle; }

NATIVE(jlong, tokenizerCreate)(JNIEnv* env, jclass type, jlong bundle) {
  gem_tokenizer_t* tokenizer = NULL;
  gem_error_t error;
  check(env, gem_tokenizer_create(bundle_of(bundle), NULL, &tokenizer, &error), &error);
  return (jlong)(intptr_t)tokenizer;
}

NATIVE(void, tokenizerClose)(JNIEnv* env, jclass type, jlong handle) {
  gem_tokenizer_close(tokenizer_of(handle));
}

/* The count of ids, and whether the text was cut in bit 32. */
NATIVE(jlong, tokenizerEncode)
(JNIEnv* env, jclass type, jlong handle, jbyteArray text, jintArray out_ids) {
  jbyte* bytes = (*env)->GetByteArrayElements(env, text, NULL);
  jint* ids = bytes != NULL ? (*env)->GetIntArrayElements(env, out_ids, NULL) : NULL;
  gem_encoding_t encoding = {0, 0};
  if (ids != NULL) {
    gem_error_t error;
    const gem_status_t status = gem_tokenizer_encode(
        tokenizer_of(handle), (const char*)bytes, (size_t)(*env)->GetArrayLength(env, text),
        (int32_t*)ids, (uint32_t)(*env)->GetArrayLength(env, out_ids), &encoding, &error);
    (*env)->ReleaseIntArrayElements(env, out_ids, ids, 0);
    (*env)->ReleaseByteArrayElements(env, text, bytes, JNI_ABORT);
    check(env, status, &error);
  } else if (bytes != NULL) {
    (*env)->ReleaseByteArrayElements(env, text, bytes, JNI_ABORT);
  }
  return (jlong)encoding.count | (jlong)(encoding.truncated != 0) << 32;
}

NATIVE(jbyteArray, tokenizerPiece)(JNIEnv* env, jclass type, jlong handle, jint id) {
  size_t size = 0;
  const char* piece = gem_tokenizer_piece(tokenizer_of(handle), id, &size);
  return piece != NULL ? bytes_of(env, piece, size) : NULL;
}

NATIVE(jint, tokenizerVocabularySize)(JNIEnv* env, jclass type, jlong handle) {
  return (jint)gem_tokenizer_vocabulary_size(tokenizer_of(handle));
}

#else

NATIVE(jlong, tokenizerCreate)(JNIEnv* env, jclass type, jlong bundle) {
  throw_error(env, GEM_STATUS_UNSUPPORTED, "this libgem_jni was built without the text component");
  return 0;
}

#endif
