package io.jdit.pipeline;

import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Conditions that were encoded before, by what they depend on: a prompt, a negative prompt or a
 * picture that comes again is not encoded again. Those that were not used for longest go first.
 * Used on the model's thread only.
 */
public final class KeptConditions implements AutoCloseable {
  /** Enough for a picture to a long video and some dozens of prompts. */
  public static final long BYTES = 128L << 20;

  private record Entry(Condition condition, List<String> notes, TensorScope owner) {}

  private final long limit;
  private final Map<List<Object>, Entry> entries = new LinkedHashMap<>(16, 0.75f, true);
  private long bytes;

  /**
   * @param limit bytes of all that is kept, 0 for nothing
   */
  public KeptConditions(long limit) {
    this.limit = limit;
  }

  /**
   * The condition for {@code inputs}, encoded when it is not kept. It is borrowed, until the next
   * call at least.
   *
   * @param inputs all that it depends on, empty where it is not to be kept
   * @param notes takes what was noted when it was encoded
   */
  public Condition get(
      List<Object> inputs, List<String> notes, Function<List<String>, Condition> encoder) {
    Entry entry = entries.get(inputs);
    if (entry != null) {
      notes.addAll(entry.notes);
      return entry.condition;
    }
    List<String> own = new ArrayList<>();
    Condition condition = encoder.apply(own);
    notes.addAll(own);
    if (!inputs.isEmpty() && condition.bytes() <= limit) {
      TensorScope owner = TensorScope.unbound();
      entries.put(inputs, new Entry(condition.ownedBy(owner), own, owner));
      bytes += condition.bytes();
      makeRoom();
    }
    return condition;
  }

  private void makeRoom() {
    Iterator<Entry> oldest = entries.values().iterator();
    while (bytes > limit) {
      Entry entry = oldest.next();
      oldest.remove();
      bytes -= entry.condition.bytes();
      entry.owner.close();
    }
  }

  @Override
  public void close() {
    entries.values().forEach(e -> e.owner.close());
    entries.clear();
    bytes = 0;
  }
}
