package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * A prefix-scoped view of a checkpoint that modules read in their constructors: {@code
 * w.at("transformer_blocks").at(3).get("norm1.linear.weight", 18432, 3072)}. Tensors come in the
 * wanted dtype on the wanted device and belong to the model's scope. Loading is strict: a missing,
 * unused or wrongly shaped tensor is an error that names file, tensor, expected and found shape.
 */
public final class Weights {
  private final TensorSource source;
  private final String prefix;
  private final DType dtype;
  private final Device device;
  private final TensorScope owner;
  private final Set<String> used;
  private final Residency residency;
  private final Cut cut; // null for whole tensors

  /** Part {@code part} of {@code parts} of each of {@code lengths}, which make up {@code dim}. */
  private record Cut(int dim, int part, int parts, int[] lengths) {
    Tensor of(Tensor whole, String name) {
      int[] blocks = lengths.length > 0 ? lengths : new int[] {(int) whole.size(dim)};
      Tensor[] pieces = new Tensor[blocks.length];
      long start = 0;
      for (int i = 0; i < blocks.length; i++) {
        if (blocks[i] % parts != 0) {
          throw new IllegalArgumentException(
              name + ": " + blocks[i] + " of dimension " + dim + " cannot be cut into " + parts);
        }
        long length = blocks[i] / parts;
        pieces[i] = whole.narrow(dim, start + part * length, length);
        start += blocks[i];
      }
      if (start != whole.size(dim)) {
        throw new IllegalArgumentException(
            name + ": blocks of " + Arrays.toString(blocks) + " do not make up " + whole);
      }
      return pieces.length == 1 ? pieces[0].contiguous() : Tensor.cat(dim, pieces);
    }
  }

  private Weights(
      TensorSource source,
      String prefix,
      DType dtype,
      Device device,
      TensorScope owner,
      Set<String> used,
      Residency residency,
      Cut cut) {
    this.source = source;
    this.prefix = prefix;
    this.dtype = dtype;
    this.device = device;
    this.owner = owner;
    this.used = used;
    this.residency = residency;
    this.cut = cut;
  }

  /**
   * @param owner scope that owns what is read, an unbound one that lives as long as the model
   */
  public Weights(TensorSource source, DType dtype, Device device, TensorScope owner) {
    this(source, dtype, device, owner, Residency.whole());
  }

  /**
   * @param residency of the modules that are made by {@link #hold}
   */
  public Weights(
      TensorSource source, DType dtype, Device device, TensorScope owner, Residency residency) {
    this(source, "", dtype, device, owner, new TreeSet<>(), residency, null);
  }

  public Weights at(String name) {
    return new Weights(source, prefix + name + ".", dtype, device, owner, used, residency, cut);
  }

  public Weights at(int index) {
    return at(Integer.toString(index));
  }

  /** The same place, read in another dtype: some weights stay in float32 in a float16 model. */
  public Weights as(DType type) {
    return new Weights(source, prefix, type, device, owner, used, residency, cut);
  }

  /** The same place of another source, read to where others own it. */
  public Weights of(TensorSource other, Device place, TensorScope others) {
    return new Weights(other, prefix, dtype, place, others, used, residency, cut);
  }

  /**
   * One of a list of modules, which is made of the weights of this place now, or whenever it is
   * used.
   *
   * @param constructor reads weights and nothing else
   */
  public <M> Residency.Held<M> hold(Function<Weights, M> constructor) {
    return residency.hold(this, constructor);
  }

  /**
   * The same place with only a shard of every tensor: what a rank holds. Readers go on asking for
   * the shape of the whole. Only the shard is materialised. Tensors without dimension {@code dim},
   * and those that are broadcast along it, are read whole.
   *
   * @param lengths of the blocks that the dimension is made of where several matrices are fused:
   *     each is cut by itself and the shard holds its part of each, in this order; none for one
   *     block
   * @throws IllegalArgumentException when reading, if a length cannot be cut into equal parts
   */
  public Weights cut(int dim, int part, int parts, int... lengths) {
    if (cut != null) {
      throw new IllegalStateException(prefix + " is cut already, along dimension " + cut.dim);
    }
    Cut shard = parts == 1 ? null : new Cut(dim, part, parts, lengths);
    return new Weights(source, prefix, dtype, device, owner, used, residency, shard);
  }

  /**
   * The same shard of what describes groups of a weight [rows, columns] of this place: its scales.
   *
   * @param rows of the weight for each row of what is read, as {@code columns}
   * @param transposed whether what is read is [columns, rows]
   * @throws IllegalArgumentException when a block of the cut is not made of whole groups
   */
  public Weights grouped(int rows, int columns, boolean transposed) {
    if (cut == null) {
      return this;
    }
    int per = cut.dim == 0 ? rows : columns;
    int[] lengths = new int[cut.lengths.length];
    for (int i = 0; i < lengths.length; i++) {
      if (cut.lengths[i] % per != 0) {
        throw new IllegalArgumentException(
            prefix + ": " + cut.lengths[i] + " cannot be cut in groups of " + per);
      }
      lengths[i] = cut.lengths[i] / per;
    }
    Cut groups = new Cut(transposed ? 1 - cut.dim : cut.dim, cut.part, cut.parts, lengths);
    return new Weights(source, prefix, dtype, device, owner, used, residency, groups);
  }

  /** Shape of what {@link #get} reads for a whole tensor of this shape. */
  public long[] part(long... shape) {
    long[] part = shape.clone();
    if (cutsAny(shape)) {
      part[cut.dim] /= cut.parts;
    }
    return part;
  }

  /** Whether what is read is a shard along a dimension. */
  public boolean isCut(int dim) {
    return cut != null && cut.dim == dim;
  }

  private boolean cutsAny(long... shape) {
    return cut != null && cut.dim < shape.length && shape[cut.dim] > 1;
  }

  public DType dtype() {
    return dtype;
  }

  public Device device() {
    return device;
  }

  public String prefix() {
    return prefix;
  }

  /** For messages: the tensor of this place, and the file that holds it. */
  public String describe(String name) {
    return source.fileOf(prefix + name) + ": tensor " + prefix + name;
  }

  /** True when the checkpoint has the tensor, or any tensor below that name. */
  public boolean has(String name) {
    String full = prefix + name;
    return source.info(full) != null
        || source.names().stream().anyMatch(n -> n.startsWith(full + "."));
  }

  /**
   * Reads a tensor of exactly this shape, or the shard of it that this view stands for.
   *
   * @param shape of the whole tensor
   * @throws ModelFormatException when it is missing or has another shape
   */
  public Tensor get(String name, long... shape) {
    return get(name, shape, t -> t, shape);
  }

  /**
   * As {@link #get(String, long...)}, of what {@code form} makes of a tensor that is stored in
   * another shape.
   *
   * @param stored shape in the checkpoint
   * @param form gets the whole tensor; its result is the innermost scope's
   * @param shape of its result
   */
  public Tensor get(String name, long[] stored, UnaryOperator<Tensor> form, long... shape) {
    TensorInfo info = checked(name, stored);
    try (TensorScope scope = TensorScope.open()) {
      Tensor whole = form.apply(source.read(info));
      return owner.adopt((cutsAny(shape) ? cut.of(whole, info.name()) : whole).to(device, dtype));
    }
  }

  /** Gives a tensor that was computed from others to the model. */
  public Tensor own(Tensor computed) {
    return owner.adopt(computed);
  }

  /** Bytes of everything that the scope of the model owns now. */
  public long ownedBytes() {
    return owner.bytes();
  }

  private TensorInfo checked(String name, long... shape) {
    String full = prefix + name;
    TensorInfo info = source.info(full, dtype, shape);
    if (info == null) {
      throw new ModelFormatException(
          source.fileOf(full)
              + " lacks tensor "
              + full
              + " "
              + Arrays.toString(shape)
              + ": the checkpoint does not fit its config.json");
    }
    if (!Arrays.equals(info.shape(), shape)) {
      throw new ModelFormatException(
          source.fileOf(full)
              + ": tensor "
              + full
              + " has shape "
              + Arrays.toString(info.shape())
              + ", expected "
              + Arrays.toString(shape)
              + " from config.json");
    }
    used.add(full);
    return info;
  }

  /** Marks tensors that a checkpoint may hold and a model does not need, by full name. */
  public void ignore(String... names) {
    used.addAll(Arrays.asList(names));
  }

  /**
   * Marks all tensors below a name of this place that belong to other uses of the same checkpoint,
   * such as a decoder beside the encoder that is read here.
   */
  public void ignoreBelow(String... names) {
    for (String name : names) {
      source.names().stream().filter(n -> n.startsWith(prefix + name + ".")).forEach(used::add);
    }
  }

  /**
   * Checks that every tensor was read. A tensor that nothing read and nothing ignored is an error,
   * not a warning: it most often means that config.json is another model's, which would draw
   * another picture without a word. Call it after the last module is built.
   *
   * @throws ModelFormatException naming the tensors that nothing used
   */
  public void requireAllUsed() {
    List<String> unused = source.names().stream().filter(n -> !used.contains(n)).toList();
    if (!unused.isEmpty()) {
      throw new ModelFormatException(
          source.fileOf(unused.get(0))
              + " holds "
              + unused.size()
              + " tensors that the model does not have, first "
              + unused.get(0)
              + " "
              + Arrays.toString(source.info(unused.get(0)).shape())
              + ": the checkpoint does not fit its config.json");
    }
  }
}
