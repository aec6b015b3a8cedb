package io.jdit.checkpoint;

import java.util.function.Function;

/**
 * When the modules of lists, such as the blocks of a transformer, are in memory: always, or while
 * they are used. Belongs to one component.
 */
public interface Residency extends AutoCloseable {
  /** A module that is there while it is used. */
  interface Held<M> {
    /** It will be used soon: what it is made of may be read ahead, in the order of these calls. */
    void expect();

    /** Whether it is there between uses, its tensors in their places. */
    default boolean stays() {
      return false;
    }

    /** The result of {@code work}, which does not keep the module. */
    <R> R use(Function<M, R> work);
  }

  /** A module of the weights of a place. */
  <M> Held<M> hold(Weights place, Function<Weights, M> constructor);

  /**
   * The component is built and all of its modules are known.
   *
   * @param weights of the component
   */
  void built(Weights weights);

  /** Frees what it holds. */
  @Override
  void close();

  /** Every module is made at once and stays. */
  static Residency whole() {
    return new Residency() {
      @Override
      public <M> Held<M> hold(Weights place, Function<Weights, M> constructor) {
        return always(constructor.apply(place));
      }

      @Override
      public void built(Weights weights) {
        // Everything is there.
      }

      @Override
      public void close() {
        // The component's scope owns everything.
      }
    };
  }

  /** A module that is always there. */
  static <M> Held<M> always(M module) {
    return new Held<>() {
      @Override
      public void expect() {
        // It is there.
      }

      @Override
      public boolean stays() {
        return true;
      }

      @Override
      public <R> R use(Function<M, R> work) {
        return work.apply(module);
      }
    };
  }
}
