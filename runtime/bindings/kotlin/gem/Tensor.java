// An input or output of a session (gem_tensor_t), copied.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
package gem;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** A row-major tensor: its description and, once there was a run, a copy of its values. */
public final class Tensor {
  public static final int MAX_RANK = 4;

  /** gem_element_type_t. */
  public enum ElementType {
    INVALID(0, 0),
    F32(1, 4),
    U8(5, 1),
    I32(7, 4);

    public final int value;
    final int bytes;

    ElementType(int value, int bytes) {
      this.value = value;
      this.bytes = bytes;
    }
  }

  /** gem_role_t. */
  public enum Role {
    NONE(0),
    TOKEN_IDS(1),
    TOKEN_COUNT(2),
    LOGITS(3),
    ROUTED(4),
    CLUSTER(5),
    HIDDEN_STATES(6),
    CLS(7),
    ACTIVATION(8);

    public final int value;

    Role(int value) {
      this.value = value;
    }
  }

  public final String name;
  public final Role role;
  public final ElementType elementType;
  private final int[] dims;
  private final ByteBuffer data;

  /** Copies `view`, a view of the session's memory, or null before the first run. */
  Tensor(String name, int[] numbers, ByteBuffer view) {
    this.name = name;
    Role role = Role.NONE;
    for (Role r : Role.values()) {
      if (r.value == numbers[0]) role = r;
    }
    ElementType type = ElementType.INVALID;
    for (ElementType t : ElementType.values()) {
      if (t.value == numbers[1]) type = t;
    }
    this.role = role;
    this.elementType = type;
    dims = new int[numbers[2]];
    System.arraycopy(numbers, 3, dims, 0, dims.length);
    // A view would read what is not there any more after the session is closed.
    ByteBuffer copy = ByteBuffer.allocate(view == null ? 0 : view.remaining());
    if (view != null) copy.put(view);
    copy.flip();
    data = copy.asReadOnlyBuffer();
  }

  public int[] dims() {
    return dims.clone();
  }

  /** The values' bytes, read-only, in the machine's order. */
  public ByteBuffer bytes() {
    return data.duplicate().order(ByteOrder.nativeOrder());
  }

  public float[] floats() {
    require(ElementType.F32);
    float[] values = new float[data.remaining() / 4];
    bytes().asFloatBuffer().get(values);
    return values;
  }

  public int[] ints() {
    require(ElementType.I32);
    int[] values = new int[data.remaining() / 4];
    bytes().asIntBuffer().get(values);
    return values;
  }

  /** The index of the largest of float values, the first of equals. */
  public int argmax() {
    float[] values = floats();
    if (values.length == 0) throw new IllegalStateException(name + " has no values before a run");
    int best = 0;
    for (int i = 1; i < values.length; ++i) {
      if (values[i] > values[best]) best = i;
    }
    return best;
  }

  private void require(ElementType type) {
    if (elementType != type) {
      throw new IllegalStateException(name + ": expected " + type + ", but it is " + elementType);
    }
  }
}
