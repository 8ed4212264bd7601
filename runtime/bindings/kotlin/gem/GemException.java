// What a call of the runtime that failed throws.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

/** A call failed; the message says what was found, where, and what was expected. */
public final class GemException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** gem_status_t. */
  public enum Status {
    OK(0),
    INVALID_ARGUMENT(1),
    NOT_FOUND(2),
    IO(3),
    CORRUPT(4),
    UNSUPPORTED(5),
    OUT_OF_MEMORY(6),
    OUT_OF_RANGE(7),
    CANCELLED(8),
    UNTRUSTED(9);

    public final int value;

    Status(int value) {
      this.value = value;
    }

    /** UNSUPPORTED for a status of a newer runtime. */
    static Status of(int value) {
      for (Status status : values()) {
        if (status.value == value) return status;
      }
      return UNSUPPORTED;
    }
  }

  private final Status status;

  GemException(int status, byte[] message) {
    super(Status.of(status) + ": " + Native.text(message));
    this.status = Status.of(status);
  }

  public Status status() {
    return status;
  }
}
