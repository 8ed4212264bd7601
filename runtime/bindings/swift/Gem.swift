// The runtime for Swift: classes that close themselves, and errors that are thrown.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   let bundle = try Bundle(path: "model.gemb")
//   let session = try Session(bundle)
//   try session.run(try Tokenizer(bundle).encode("a small tool").ids)
//   print(try session.floats(GEM_ROLE_LOGITS).argmax.flatMap { bundle.label($0) } ?? "")
//
// Options, infos and enums are those of C (module CGem). A session keeps its bundle. A
// session serves one thread at a time; only cancel() may be called beside it.
import CGem

/// A call failed; the message says what was found, where, and what was expected.
public struct GemError: Error, CustomStringConvertible {
  public let status: gem_status_t
  public let message: String

  init(_ status: gem_status_t, _ error: gem_error_t) {
    self.status = status
    message = withUnsafeBytes(of: error.message) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  public var description: String { "\(String(cString: gem_status_name(status))): \(message)" }
}

/// Calls a function of C that fills an error.
private func check(_ call: (UnsafeMutablePointer<gem_error_t>) -> gem_status_t) throws {
  var error = gem_error_t()
  let status = call(&error)
  if status != GEM_STATUS_OK { throw GemError(status, error) }
}

/// A bundle, for any number of threads.
public final class Bundle {
  public let handle: OpaquePointer

  /// `configure` changes the options from their defaults; pointers in them must live until
  /// this returns.
  public init(path: String, configure: (inout gem_bundle_options_t) -> Void = { _ in }) throws {
    var options = gem_bundle_options_t()
    gem_bundle_options_init(&options)
    configure(&options)
    var bundle: OpaquePointer?
    try check { gem_bundle_open(path, &options, &bundle, $0) }
    handle = bundle!
  }

  deinit { gem_bundle_close(handle) }

  public var info: gem_bundle_info_t {
    var info = gem_bundle_info_t()
    info.struct_size = UInt32(MemoryLayout<gem_bundle_info_t>.stride)
    _ = gem_bundle_info(handle, &info)
    return info
  }

  public func label(_ index: Int) -> String? {
    gem_bundle_label(handle, UInt32(index)).map { String(cString: $0) }
  }

  public func variantDevice(_ index: Int) -> String? {
    gem_bundle_variant_device(handle, UInt32(index)).map { String(cString: $0) }
  }
}

/// Runs one entry of one variant of a bundle.
public final class Session {
  public let handle: OpaquePointer
  public let bundle: Bundle

  public init(_ bundle: Bundle, configure: (inout gem_session_options_t) -> Void = { _ in }) throws {
    var options = gem_session_options_t()
    gem_session_options_init(&options)
    configure(&options)
    var session: OpaquePointer?
    try check { gem_session_create(bundle.handle, &options, &session, $0) }
    handle = session!
    self.bundle = bundle
  }

  deinit { gem_session_close(handle) }

  public var info: gem_session_info_t {
    var info = gem_session_info_t()
    info.struct_size = UInt32(MemoryLayout<gem_session_info_t>.stride)
    _ = gem_session_info(handle, &info)
    return info
  }

  public func run(_ ids: [Int32]) throws {
    try check { gem_session_run_tokens(handle, ids, UInt32(ids.count), $0) }
  }

  /// The output with a role: good until the next run, and while this session lives.
  public func output(_ role: gem_role_t) throws -> gem_tensor_t {
    var tensor = gem_tensor_t()
    try check { gem_session_output_by_role(handle, role, &tensor, $0) }
    return tensor
  }

  /// A copy of the float output with a role; empty before the first run.
  public func floats(_ role: gem_role_t) throws -> [Float] {
    let tensor = try output(role)
    precondition(tensor.element_type == GEM_ELEMENT_F32, "the output is not of floats")
    guard let data = tensor.data else { return [] }
    let count = tensor.size / MemoryLayout<Float>.size
    return Array(UnsafeBufferPointer(start: data.assumingMemoryBound(to: Float.self), count: count))
  }

  public func cancel() { gem_session_cancel(handle) }

  public func profile(_ on: Bool) { gem_session_profile(handle, on ? 1 : 0) }
}

/// Texts to token ids, for any number of threads.
public final class Tokenizer {
  public let handle: OpaquePointer
  public let bundle: Bundle

  public init(_ bundle: Bundle) throws {
    var tokenizer: OpaquePointer?
    try check { gem_tokenizer_create(bundle.handle, nil, &tokenizer, $0) }
    handle = tokenizer!
    self.bundle = bundle
  }

  deinit { gem_tokenizer_close(handle) }

  /// [CLS] pieces [SEP], at most as many as the bundle takes.
  public func encode(_ text: String) throws -> (ids: [Int32], truncated: Bool) {
    let capacity = bundle.info.maximum_tokens
    var ids = [Int32](repeating: 0, count: Int(capacity))
    var encoding = gem_encoding_t()
    try check { gem_tokenizer_encode(handle, text, text.utf8.count, &ids, capacity, &encoding, $0) }
    return (Array(ids.prefix(Int(encoding.count))), encoding.truncated != 0)
  }
}

extension Array where Element == Float {
  /// The index of the largest value, the first of equals; nil when there is none.
  public var argmax: Int? { indices.max { self[$0] < self[$1] || (self[$0] == self[$1] && $0 > $1) } }
}
