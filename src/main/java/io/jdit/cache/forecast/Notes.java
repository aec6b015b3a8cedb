package io.jdit.cache.forecast;

import java.util.function.Supplier;

/** Results of a long task in the order in which they are made; what is noted is not made again. */
public interface Notes {
  /** The next result: the noted one, or a new one, which is noted. */
  <T> T next(Class<T> type, Supplier<T> make);

  /** Notes nothing. */
  static Notes none() {
    return new Notes() {
      @Override
      public <T> T next(Class<T> type, Supplier<T> make) {
        return make.get();
      }
    };
  }
}
