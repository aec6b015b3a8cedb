package io.jdit.nn;

import io.jdit.tensor.TensorScope;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Rotary tables by what they depend on, usually token counts and grid: all steps of a generation,
 * and generations of equal sizes, share one. The least recently used go.
 */
public final class RotaryTables implements AutoCloseable {
  private static final int MOST = 8;

  private final Map<Object, RotaryTable> tables = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * The table for {@code key}, made when it is not there. It stays open at least until the next
   * {@value #MOST} others were asked for.
   */
  public RotaryTable get(Object key, Supplier<RotaryTable> make) {
    RotaryTable table = tables.get(key);
    if (table == null) {
      table = make.get();
      TensorScope.detach(table.cos());
      TensorScope.detach(table.sin());
      tables.put(key, table);
      if (tables.size() > MOST) {
        Object eldest = tables.keySet().iterator().next();
        tables.remove(eldest).close();
      }
    }
    return table;
  }

  @Override
  public void close() {
    tables.values().forEach(RotaryTable::close);
    tables.clear();
  }
}
